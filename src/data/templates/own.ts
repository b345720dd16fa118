/** A person's own templates: `{"prompts": ["Rate it: [review]", …], "answer": "stars"}`, with places named as their columns. */
import { isObject } from '../../json.ts';
import { columnsOf, type Mapping } from '../mapping.ts';
import { phrasingsOf } from '../phrasings.ts';
import type { InstructionTemplate } from './template.ts';

/** As it stands in a file. */
export interface OwnTemplate {
  readonly prompts: readonly string[];
  readonly answer: string;
}

/** The form of a file, for messages. */
export const OWN_TEMPLATE_FORM =
  'Write {"prompts": ["How many stars? [review]", …], "answer": "stars"}, with columns in brackets.';

/** @returns undefined for what is no template */
export function readOwnTemplate(json: unknown): OwnTemplate | undefined {
  if (!isObject(json)) return undefined;
  const { prompts, answer } = json;
  const isText = (value: unknown): value is string => typeof value === 'string' && value.trim() !== '';
  if (!Array.isArray(prompts) || prompts.length === 0 || !prompts.every(isText) || !isText(answer))
    return undefined;
  return { prompts, answer };
}

/** A person's template in the form of the library's. @param name its label */
export function ownTemplate(name: string, { prompts, answer }: OwnTemplate): InstructionTemplate {
  const names = new Set(
    prompts.flatMap((prompt) => [...prompt.matchAll(/\[(\w+)\]/g)].map(([, place]) => place)),
  );
  return {
    ...{ name, label: name, help: 'Your own template.' },
    columns: [...names, answer].map((place) => ({ name: place, label: place, often: [place.toLowerCase()] })),
    phrasings: prompts,
  };
}

/** A place is written with letters, digits and underscores. */
const placeOf = (column: string): string => column.replaceAll(/\W+/g, '_');

/**
 * The prompts of a mapping as a template.
 *
 * @returns undefined if its answer is more than one column, or it has parts that a template cannot have
 */
export function templateOfMapping(mapping: Mapping): OwnTemplate | undefined {
  if ('text' in mapping || mapping.system !== undefined || mapping.input !== undefined) return undefined;
  const answer = /^\s*\{\{([^{}]+)\}\}\s*$/.exec(mapping.answer)?.[1].trim();
  if (answer === undefined || mapping.prompt.trim() === '') return undefined;
  const columns = columnsOf({ prompt: mapping.prompt, answer: '' });
  const prompts = phrasingsOf(mapping.prompt).templates.map((prompt) =>
    prompt.replaceAll(/\{\{([^{}]+)\}\}/g, (mark, column: string) =>
      columns.includes(column.trim()) ? `[${placeOf(column.trim())}]` : mark,
    ),
  );
  return { prompts, answer: placeOf(answer) };
}
