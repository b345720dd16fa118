/** A person's own templates, kept in this browser for all projects. */
import { readOwnTemplate, type OwnTemplate } from '../../data/templates/own.ts';

export interface NamedTemplate extends OwnTemplate {
  readonly name: string;
}

const STORED = 'graft-templates';

function readKept(): readonly NamedTemplate[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(STORED) ?? '[]');
    return Array.isArray(kept)
      ? kept.flatMap((entry: unknown) => {
          const template = readOwnTemplate(entry);
          const name = (entry as { name?: unknown } | null)?.name;
          return template && typeof name === 'string' && name !== '' ? [{ ...template, name }] : [];
        })
      : [];
  } catch {
    // Storage is refused or holds something else: the list is empty, and new templates last for this visit.
    return [];
  }
}

export class OwnTemplates {
  list = $state.raw(readKept());

  /** Replaces a template of the same name. */
  keep(template: NamedTemplate): void {
    this.#set([...this.list.filter(({ name }) => name !== template.name), template]);
  }

  forget(name: string): void {
    this.#set(this.list.filter((template) => template.name !== name));
  }

  #set(list: readonly NamedTemplate[]): void {
    this.list = list;
    try {
      localStorage.setItem(STORED, JSON.stringify(list));
    } catch {
      // As above.
    }
  }
}
