/** Instruction templates: phrasings of a task, with places for columns and for words that are the same in every row. */
import { GraftError } from '../../errors.ts';
import { slot } from '../columns.ts';
import type { Mapping } from '../mapping.ts';
import { joinPhrasings } from '../phrasings.ts';

/** A place for a column. */
interface TemplateColumn {
  readonly name: string;
  readonly label: string;
  /** Usual names of such a column, the likeliest first. */
  readonly often: readonly string[];
}

/** A place for a person's words: a language, a list of labels. */
interface TemplateWords {
  readonly name: string;
  readonly label: string;
  /** The default; '' leaves out the phrase that has them. */
  readonly initial: string;
  /** For optional words: a text that is added to every phrasing with them. */
  readonly adds?: string;
}

export interface InstructionTemplate {
  readonly name: string;
  readonly label: string;
  /** What the rows teach, in one sentence. */
  readonly help: string;
  /** The last is what is learned. */
  readonly columns: readonly TemplateColumn[];
  readonly words?: readonly TemplateWords[];
  /** With `[name]` for a column or words. */
  readonly phrasings: readonly string[];
}

/** The values of the places, by name: columns of the file, and words. */
export type Places = Readonly<Record<string, string>>;

const last = (name: string): string => name.slice(name.lastIndexOf('.') + 1).toLowerCase();

/** Columns and words that suit a file. A place for which no column has a usual name is missing, unless one column alone is left. */
export function suggestPlaces(template: InstructionTemplate, columns: readonly string[]): Places {
  const places: Record<string, string> = {};
  const taken = new Set<string>();
  // The answer has the clearest names.
  for (const { name, often } of template.columns.toReversed()) {
    const found = often
      .map((usual) => columns.find((column) => !taken.has(column) && last(column) === usual))
      .find((column) => column !== undefined);
    if (found === undefined) continue;
    places[name] = found;
    taken.add(found);
  }
  const open = template.columns.filter(({ name }) => !Object.hasOwn(places, name));
  const left = columns.filter((column) => !taken.has(column));
  if (open.length === 1 && left.length === 1) places[open[0].name] = left[0];
  return {
    ...places,
    ...Object.fromEntries((template.words ?? []).map(({ name, initial }) => [name, initial])),
  };
}

/** The first place that is empty and may not be. */
export function missingPlace(
  { columns, words = [] }: InstructionTemplate,
  places: Places,
): string | undefined {
  const needed = [...columns, ...words.filter(({ adds }) => adds === undefined)];
  return needed.find(({ name }) => (places[name] ?? '').trim() === '')?.name;
}

/**
 * The template as a mapping of the file's columns.
 *
 * @param seed of the phrasings
 * @throws GraftError `data-template` naming an empty place
 */
export function mappingOf(
  template: InstructionTemplate,
  places: Places,
  seed = 0,
): Mapping & { prompt: string } {
  const missing = missingPlace(template, places);
  if (missing !== undefined)
    throw new GraftError(
      'data-template',
      `The template ${template.name} has nothing for “${missing}”.`,
      `Say which column it is, or what stands there: ${template.name}:${missing}=….`,
    );
  const { columns, words = [], phrasings } = template;
  // A person's words are plain text: braces in them would name columns.
  const plain = (text: string): string => text.trim().replaceAll('{{', '{').replaceAll('}}', '}');
  const filled = (text: string): string =>
    text.replaceAll(/\[(\w+)\]/g, (mark, name: string) =>
      columns.some((column) => column.name === name)
        ? slot(places[name])
        : words.some((word) => word.name === name)
          ? plain(places[name])
          : mark,
    );
  const added = words
    .filter(({ name, adds }) => adds !== undefined && (places[name] ?? '').trim() !== '')
    .map(({ adds }) => `\n${adds}`)
    .join('');
  return {
    prompt: joinPhrasings({ templates: phrasings.map((phrasing) => filled(phrasing + added)), seed }),
    answer: slot(places[columns[columns.length - 1].name]),
  };
}
