/** Columns of a table: whether the first row names them, what they are called, and what they are likely to be. */
import { isObject, type JsonObject } from '../json.ts';
import type { Mapping } from './mapping.ts';

/** Common names of columns by their role, the likelier first. */
const PROMPT_NAMES =
  'prompt question instruction query input text message utterance sentence user review comment source document title'.split(
    ' ',
  );
/** Names of prompts that have an input next to them, and names of the input. */
export const ASKING_NAMES = 'prompt question instruction query'.split(' ');
const INPUT_NAMES = 'input context passage paragraph article document text source'.split(' ');
/** Two texts that are read together. */
const PAIRS = [
  ['premise', 'hypothesis'],
  ['sentence1', 'sentence2'],
  ['question1', 'question2'],
  ['text1', 'text2'],
];
export const ANSWER_NAMES =
  'completion answer response output reply assistant target label category class intent sentiment summary translation result chosen'.split(
    ' ',
  );
const SYSTEM_NAMES = ['system', 'system_prompt', 'system prompt'];
/** Columns that number rows and mean nothing to a model. */
const NUMBERING = /^(?:|id|_id|idx|index|row|no|nr|#|unnamed: 0|column 1)$/i;
/** Columns that may say which part a row is in. Graft writes the first that the rows do not have (`write-rows.ts`). */
export const PART_COLUMNS: readonly string[] = ['split', 'graft_split'];
const FORMAT_NAMES =
  'messages conversations ids input_ids labels rejected prompt_ids chosen_ids rejected_ids'.split(' ');

const KNOWN = new Set([
  ...PROMPT_NAMES,
  ...INPUT_NAMES,
  ...PAIRS.flat(),
  ...ANSWER_NAMES,
  ...SYSTEM_NAMES,
  ...FORMAT_NAMES,
  'id',
  'name',
  'date',
]);

const TELLING = new Set([...PROMPT_NAMES, ...INPUT_NAMES, ...PAIRS.flat(), ...ANSWER_NAMES, ...SYSTEM_NAMES]);

const MAX_NAME_CHARS = 60;
const MAX_NAME_WORDS = 5;

/** Whether a row of cells names columns: a known name decides; otherwise all are short, different, and no numbers or sentences. */
export function looksLikeHeader(cells: readonly string[]): boolean {
  const names = cells.map((cell) => cell.trim()).filter((cell) => cell !== '');
  if (names.length === 0) return false;
  if (names.some((name) => KNOWN.has(name.toLowerCase()))) return true;
  return (
    new Set(names).size === names.length &&
    names.every(
      (name) =>
        name.length <= MAX_NAME_CHARS &&
        name.split(/\s+/).length <= MAX_NAME_WORDS &&
        !/[.!?]$|\n/.test(name) &&
        !/^[\d.,:%-]+$/.test(name),
    )
  );
}

/** Names from a header: trimmed, never empty, all different, without the braces that a template ends with. */
export function namesOfHeader(cells: readonly string[]): string[] {
  const names = new Set<string>();
  /** How often a name has occurred: the next number to try. */
  const numbers = new Map<string, number>();
  cells.forEach((cell, i) => {
    const bare = cell.trim().replaceAll('{{', '{').replaceAll('}}', '}');
    const name = bare === '' ? `column ${i + 1}` : bare;
    let unique = name;
    let number = numbers.get(name) ?? 2;
    while (names.has(unique)) unique = `${name} (${number++})`;
    numbers.set(name, number);
    names.add(unique);
  });
  return [...names];
}

/** The most columns that a message lists, and the most characters of each. */
const LISTED = 12;
const LISTED_CHARS = 60;

/** Columns for a message, however many there are. */
export function listOfColumns(columns: readonly string[]): string {
  const listed = columns.slice(0, LISTED).map((name) => name.slice(0, LISTED_CHARS));
  const left = columns.length - listed.length;
  return listed.join(', ') + (left > 0 ? ` and ${left} more` : '');
}

/** Names for columns without a header: `column 1`, `column 2` … */
export function namesOfCount(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `column ${i + 1}`);
}

/** Whether a column of this name numbers rows, and means nothing to a model. */
export const isNumbering = (name: string): boolean => NUMBERING.test(name.trim());

/** Places in documents that hold the answer: in a prompt they would give it away. */
const PLACE = /^passages\.\d+\.(?:doc|file|start|end|text)$/;

/** A mapping suggested by the names, for a person to change. Undefined if nothing distinguishes prompt and answer. */
export function suggestMapping(all: readonly string[]): Mapping | undefined {
  const columns = all.filter((column) => !PLACE.test(column));
  const last = (name: string): string => name.slice(name.lastIndexOf('.') + 1).toLowerCase();
  const find = (names: readonly string[], taken?: string): string | undefined => {
    for (const name of names) {
      const found = columns.find((column) => column !== taken && last(column) === name);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  // Without a header the first of several columns is often an index. Two columns are prompt and answer.
  const isPair = columns.join() === namesOfCount(2).join();
  const named = isPair ? columns : columns.filter((column) => !isNumbering(column));
  const meant = named.length > 0 ? named : columns;
  const answer = find(ANSWER_NAMES) ?? (meant.length > 1 ? meant[meant.length - 1] : undefined);
  const pair = PAIRS.map((names) => names.map((name) => find([name], answer))).find(
    (found): found is string[] => !found.includes(undefined),
  );
  const prompt = pair?.[0] ?? find(PROMPT_NAMES, answer) ?? meant.find((column) => column !== answer);
  if (prompt === undefined) return undefined;
  if (answer === undefined) return { text: slot(prompt) };
  const asks = ASKING_NAMES.includes(last(prompt));
  const others = columns.filter((column) => column !== prompt && column !== answer);
  const input =
    pair?.[1] ??
    (asks
      ? INPUT_NAMES.flatMap((name) => others.find((column) => last(column) === name) ?? [])[0]
      : undefined);
  const system = find(SYSTEM_NAMES);
  return {
    ...(system === undefined ? {} : { system: slot(system) }),
    prompt: slot(prompt),
    ...(input === undefined ? {} : { input: slot(input) }),
    answer: slot(answer),
  };
}

/** The suggested mapping, if prompt and answer both have common names: then it needs no person to confirm it. */
export function sureMapping(columns: readonly string[]): Mapping | undefined {
  const mapping = suggestMapping(columns);
  if (!mapping || 'text' in mapping) return undefined;
  const [prompt, answer] = [mapping.prompt, mapping.answer].map((template) => template.slice(2, -2));
  // Half a pair is rather a mistake.
  const isSure = isTelling(prompt) && isTelling(answer) && !/(?:^|\.)chosen$/i.test(answer);
  return isSure ? mapping : undefined;
}

/** Whether a name is common for a prompt or an answer. */
export function isTelling(name: string): boolean {
  const last = name.slice(name.lastIndexOf('.') + 1).toLowerCase();
  return TELLING.has(last);
}

/** A template of one column. */
export const slot = (column: string): string => `{{${column}}}`;

/** Levels of a row that become columns: `instances.0.output`. */
const MAX_LEVELS = 4;
const MAX_COLUMNS = 64;

/** The columns of a row of JSON: its fields, and those inside of them by their path. */
export function columnsOfRow(row: JsonObject): string[] {
  const columns: string[] = [];
  const walk = (value: unknown, path: string, level: number): void => {
    if (columns.length >= MAX_COLUMNS) return;
    const inside = isObject(value)
      ? Object.entries(value)
      : Array.isArray(value)
        ? value.entries()
        : undefined;
    if (inside === undefined || level === MAX_LEVELS) {
      if (path !== '' && !path.includes('{{') && !path.includes('}}')) columns.push(path);
      return;
    }
    for (const [key, child] of inside) walk(child, path === '' ? String(key) : `${path}.${key}`, level + 1);
  };
  walk(row, '', 0);
  return columns;
}

/** The value of a column in a row: a field of that name, or the value at that path. Undefined if there is none. */
export function valueAt(row: JsonObject, column: string): unknown {
  if (Object.hasOwn(row, column)) return row[column];
  let value: unknown = row;
  for (const key of column.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as JsonObject)[key];
  }
  return value;
}
