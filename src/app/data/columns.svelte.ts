/** The columns of a file that is being mapped: what a person chooses, before it is read. */
import { checkMapping, columnsOf, type Mapping } from '../../data/mapping.ts';
import { headLength, type Sheet } from '../../data/sheet-types.ts';
import { GraftError } from '../../errors.ts';
import type { DataOptions, Failure } from '../../worker/api.ts';
import { isUsedColumn } from '../../data/unused.ts';
import type { SessionState } from '../state/session.svelte.ts';
import type { Source } from './source.ts';

export const ROLES = ['prompt', 'input', 'answer', 'system'] as const;
export type MappingRole = (typeof ROLES)[number];

const EMPTY = { prompt: '', input: '', answer: '', system: '', text: '' };

export class Columns {
  readonly source: Source;
  readonly options: DataOptions;
  sheet = $state.raw<Sheet>();
  failure = $state.raw<Failure>();
  /** Whether the rows are whole texts, all of them learnt. */
  whole = $state(false);
  /** A template for each role, and for the whole text. */
  templates = $state<Record<MappingRole | 'text', string>>({ ...EMPTY });
  header = $state<boolean>();
  delimiter = $state<string>();
  /** Counts the looks at the file: only the last one is shown. */
  #looks = 0;
  readonly #session: SessionState;

  constructor(session: SessionState, source: Source, options: DataOptions) {
    this.#session = session;
    this.source = source;
    this.options = options;
    this.header = options.header;
    this.delimiter = options.delimiter;
  }

  /** Looks at the file. @param keep whether templates that were written already stay */
  async look(keep = false): Promise<boolean> {
    const { name, bytes } = this.source.file;
    const look = ++this.#looks;
    // The worker reads no more of a file that is not in memory.
    const head = { name, bytes: bytes instanceof Blob ? bytes : bytes.slice(0, headLength(bytes)) };
    const outcome = await this.#session.worker.inspectData(head, {
      header: this.header,
      delimiter: this.delimiter,
    });
    if (look !== this.#looks) return false;
    if (!outcome.ok) {
      this.failure = outcome;
      return false;
    }
    this.failure = undefined;
    this.sheet = outcome.sheet;
    if (!keep) this.#take(this.options.mapping ?? outcome.sheet?.suggestion);
    return outcome.sheet !== undefined;
  }

  /** Another header or delimiter gives other columns. */
  async change(table: { header?: boolean; delimiter?: string }): Promise<void> {
    if (table.header !== undefined) this.header = table.header;
    if (table.delimiter !== undefined) this.delimiter = table.delimiter;
    if ((await this.look(true)) && this.fault !== '') this.#take(this.sheet?.suggestion);
  }

  get mapping(): Mapping {
    const { prompt, input, answer, system, text } = this.templates;
    if (this.whole) return { text };
    return {
      ...(system.trim() !== '' && { system }),
      prompt,
      ...(input.trim() !== '' && { input }),
      answer,
    };
  }

  /** Replaces the chosen columns by a mapping. */
  fill(mapping: Mapping): void {
    this.#take(mapping);
  }

  /** Columns that no template names: those that hold text, and the rest. Empty while the templates cannot be read. */
  get unused(): { readonly text: readonly string[]; readonly other: readonly string[] } {
    if (this.fault !== '' || !this.sheet) return { text: [], other: [] };
    const { columns, texts } = this.sheet;
    const used = columnsOf(this.mapping);
    const left = columns.filter((column) => !isUsedColumn(column, used));
    return {
      text: left.filter((column) => texts.includes(column)),
      other: left.filter((column) => !texts.includes(column)),
    };
  }

  /** Why it cannot be read like this; '' if it can. */
  get fault(): string {
    try {
      checkMapping(this.mapping, this.sheet?.columns ?? []);
      return '';
    } catch (error) {
      if (!(error instanceof GraftError)) throw error;
      return error.message;
    }
  }

  #take(mapping: Mapping | undefined): void {
    this.whole = mapping !== undefined && 'text' in mapping;
    this.templates = { ...EMPTY, ...mapping };
  }
}
