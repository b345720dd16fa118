/**
 * Columns → prompt and answer, by a person's templates: `Which team answers this?\n{{text}}`. A template is text with the names of
 * columns in double braces and nothing else: no code, no conditions, and what a column holds is never read as a template again. A prompt may
 * have several phrasings (phrasings.ts).
 */
import { GraftError } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import type { ExampleContent } from '../text/trainable.ts';
import { listOfColumns, valueAt } from './columns.ts';
import { answerTextOf, BadRow, filledTextOf, textOf } from './formats/row.ts';
import { drawPhrasing, phrasingsOf } from './phrasings.ts';

/** Templates of what the model reads and what it should answer; or of a whole text, all of it learnt. */
export type Mapping =
  | {
      readonly system?: string;
      readonly prompt: string;
      /** The input of the prompt, on a line under it. It may be empty in a row. */
      readonly input?: string;
      readonly answer: string;
    }
  | { readonly text: string };

type Template = readonly ({ readonly literal: string } | { readonly column: string })[];

/** A longer text is a document, not a template. */
export const MAX_TEMPLATE_CHARS = 64 * 1024;

/** @throws GraftError `data-template` for a brace that is not closed, or a template that is too long */
export function parseTemplate(template: string): Template {
  if (template.length > MAX_TEMPLATE_CHARS) {
    throw new GraftError(
      'data-template',
      `A template has ${template.length} characters; at most ${MAX_TEMPLATE_CHARS} are taken.`,
      'Put long texts into a column.',
    );
  }
  const parts: ({ literal: string } | { column: string })[] = [];
  let at = 0;
  while (at < template.length) {
    const open = template.indexOf('{{', at);
    if (open < 0) break;
    const close = template.indexOf('}}', open + 2);
    if (close < 0) {
      throw new GraftError(
        'data-template',
        `The template has “{{” without “}}” after it: ${template.slice(open, open + 40)}`,
        'Close it, as in {{column}}.',
      );
    }
    if (open > at) parts.push({ literal: template.slice(at, open) });
    parts.push({ column: template.slice(open + 2, close).trim() });
    at = close + 2;
  }
  if (at < template.length) parts.push({ literal: template.slice(at) });
  return parts;
}

/** The columns in a mapping, each once. @throws GraftError `data-template` as `parseTemplate` */
export function columnsOf(mapping: Mapping): string[] {
  const parts = templatesOf(mapping).flatMap((template) => parseTemplate(template));
  return [...new Set(parts.flatMap((part) => ('column' in part ? part.column : [])))];
}

function templatesOf(mapping: Mapping): string[] {
  if ('text' in mapping) return [mapping.text];
  const { system = '', prompt, input = '', answer } = mapping;
  return [system, ...phrasingsOf(prompt).templates, input, answer];
}

/**
 * Checks a mapping against the columns there are.
 * @throws GraftError `data-template`, `data-column` naming the unknown column and the known ones
 */
export function checkMapping(mapping: Mapping, columns: readonly string[]): void {
  if (
    'text' in mapping
      ? mapping.text.trim() === ''
      : mapping.prompt.trim() === '' || mapping.answer.trim() === ''
  ) {
    throw new GraftError(
      'data-template',
      'text' in mapping ? 'The template of the text is empty.' : 'A prompt and an answer are both needed.',
      'Choose a column, or write a template such as {{column}}.',
    );
  }
  if (!('text' in mapping) && phrasingsOf(mapping.prompt).templates.some((one) => one.trim() === ''))
    throw new GraftError(
      'data-template',
      'One of the phrasings of the prompt is empty.',
      'Write one on each side of every {{or}}.',
    );
  const learnt = 'text' in mapping ? mapping.text : mapping.answer;
  if (!parseTemplate(learnt).some((part) => 'column' in part)) {
    throw new GraftError(
      'data-template',
      'The template of what is learnt names no column: every row would teach the same.',
      'Put a column into it, as in {{column}}.',
    );
  }
  // A list or an object whose parts are columns is a column as well.
  const known = (name: string): boolean =>
    columns.some((column) => column === name || column.startsWith(`${name}.`));
  const unknown = columnsOf(mapping).find((column) => !known(column));
  if (unknown === undefined) return;
  throw new GraftError(
    'data-column',
    `There is no column “${listOfColumns([unknown])}”. The columns are ${listOfColumns(columns)}.`,
    'Write the name as it stands there, capitals included.',
  );
}

/** A value as text: a text unchanged, null as '', a list or an object as JSON. */
function asText(value: unknown, column: string): string {
  if (value === undefined) throw new BadRow(`there is no ${column}`);
  if (value === null) return '';
  if (typeof value === 'string') return textOf(value, column);
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** @throws BadRow if the row lacks a column */
export function fillTemplate(template: Template, row: JsonObject): string {
  return template
    .map((part) => ('literal' in part ? part.literal : asText(valueAt(row, part.column), part.column)))
    .join('');
}

/** As {@link fillTemplate}, but '' if every column of the template is missing or empty. */
function fillOptional(template: Template, row: JsonObject): string {
  const filled = template.map((part) =>
    'literal' in part ? part.literal : asText(valueAt(row, part.column) ?? null, part.column),
  );
  const isEmpty = template.every((part, i) => 'literal' in part || filled[i].trim() === '');
  return isEmpty ? '' : filled.join('');
}

/** The text between prompt and answer without a chat template: a new line, unless there is white space already. */
const separatorOf = (prompt: string, answer: string): string =>
  /\s$/.test(prompt) || /^\s/.test(answer) ? '' : '\n';

/**
 * Functions that make examples of rows. They throw BadRow for a row with an empty prompt or answer. If the prompt has several phrasings, the line of
 * a row chooses one.
 *
 * @throws GraftError `data-template`
 */
export function compileMapping(mapping: Mapping): (row: JsonObject, line?: number) => ExampleContent {
  if ('text' in mapping) {
    const text = parseTemplate(mapping.text);
    return (row) => ({ kind: 'text', text: filledTextOf(fillTemplate(text, row), 'the text') });
  }
  const system = parseTemplate(mapping.system ?? '');
  const { templates, seed } = phrasingsOf(mapping.prompt);
  const prompts = templates.map(parseTemplate);
  const input = parseTemplate(mapping.input ?? '');
  const answer = parseTemplate(mapping.answer);
  return (row, line = 1) => {
    const systemText = fillTemplate(system, row);
    const prompt = prompts[drawPhrasing(prompts.length, seed, line)];
    const question = filledTextOf(fillTemplate(prompt, row), 'the prompt');
    const about = fillOptional(input, row);
    const asked = about === '' ? question : `${question}\n${about}`;
    const wanted = answerTextOf(fillTemplate(answer, row), 'the answer');
    if (systemText.trim() === '')
      return { kind: 'completion', prompt: asked, completion: wanted, separator: separatorOf(asked, wanted) };
    return {
      kind: 'messages',
      messages: [
        { role: 'system', content: systemText },
        { role: 'user', content: asked },
        { role: 'assistant', content: wanted },
      ],
    };
  };
}
