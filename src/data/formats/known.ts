/** The formats that need no mapping, and how rows and tables are recognised. */
import { jsonDepth, MAX_JSON_DEPTH, type JsonObject } from '../../json.ts';
import { ANSWER_NAMES, ASKING_NAMES, isNumbering, PART_COLUMNS } from '../columns.ts';
import { alpacaFormat } from './alpaca.ts';
import { completionFormat } from './completion.ts';
import { conversationFormat } from './conversation.ts';
import { messagesFormat } from './messages.ts';
import { pairFormat } from './pair.ts';
import { promptFormat } from './prompt.ts';
import { queryFormat } from './query.ts';
import { BadRow, refuseRepeated, type RowFormat } from './row.ts';
import { shareGptFormat } from './sharegpt.ts';
import { textFormat } from './text.ts';
import { tokensFormat } from './tokens.ts';
import { unpairedFormat } from './unpaired.ts';

/** In the order in which a row's fields are tried: the more telling names first. */
const FORMATS: readonly RowFormat[] = [
  pairFormat,
  unpairedFormat,
  queryFormat,
  messagesFormat,
  shareGptFormat,
  tokensFormat,
  completionFormat,
  conversationFormat,
  alpacaFormat,
  textFormat,
  promptFormat,
];

export const KNOWN_FIELDS =
  'messages; conversations; prompt and completion; instruction and output; prompt, chosen and rejected; prompt, completion and label; text; ids and labels; query and positive; only prompt';

/** Columns that say where a text comes from: no model learns to write them. */
const ABOUT_TEXT = new Set(
  `source url uri link meta metadata timestamp date time created added updated lang language license licence author file filename path subset version made ${PART_COLUMNS.join(' ')}`.split(
    ' ',
  ),
);

/** Names of what a model is asked and of what it answers. */
const TASK_FIELDS = new Set([...ASKING_NAMES, ...ANSWER_NAMES]);

/** Columns next to a text that are named like a question or an answer. */
export const taskColumns = (columns: readonly string[]): string[] =>
  columns.filter((column) => TASK_FIELDS.has(fieldOf(column)));

/**
 * The first known format that a row matches; undefined if none does. A text next to a question or an answer is none, unless these are empty: whether the text
 * is all that is learned, only a person can say. Corpora have many other fields next to their texts.
 */
export function formatOfRow(row: JsonObject): RowFormat | undefined {
  const format = FORMATS.find(({ matches }) => matches(row));
  if (format !== textFormat) return format;
  const columns = Object.keys(row).filter((column) => row[column] !== undefined && row[column] !== null);
  return taskColumns(columns).length === 0 ? format : undefined;
}

/** Columns whose cells are lists, written as JSON. */
const LISTS = new Set(
  'messages conversations ids input_ids labels prompt_ids chosen_ids rejected_ids completion_ids'.split(' '),
);
/** Columns of compared and judged answers, whose cells are texts or lists of messages. */
const PAIR_TEXTS = new Set(['prompt', 'chosen', 'rejected', 'completion']);
const LIST_OF_MESSAGES = /^\s*\[\s*\{/;

const fieldOf = (column: string): string => column.trim().toLowerCase();

/** The format of a table's columns, whatever their capitals. Tables are seldom corpora: there any column next to a text may be the answer, unless it says where the text is from. */
export function formatOfColumns(columns: readonly string[]): RowFormat | undefined {
  const format = formatOfRow(Object.fromEntries(columns.map((column) => [fieldOf(column), ''])));
  if (format !== textFormat) return format;
  const others = columns.filter((column) => {
    const field = fieldOf(column);
    return field !== 'text' && !isNumbering(column) && !ABOUT_TEXT.has(field);
  });
  return others.length === 0 ? format : undefined;
}

/** A row of a table as its format wants it. @throws BadRow for a list that is not JSON */
export function rowOfCells(columns: readonly string[], cells: readonly string[]): JsonObject {
  const row: JsonObject = Object.create(null) as JsonObject;
  const isPair = ['chosen', 'label'].some((field) => columns.some((column) => fieldOf(column) === field));
  columns.forEach((column, i) => {
    const field = fieldOf(column);
    const isList = LISTS.has(field) || (isPair && PAIR_TEXTS.has(field) && LIST_OF_MESSAGES.test(cells[i]));
    row[field] = isList ? listOf(cells[i], field) : cells[i];
  });
  return row;
}

function listOf(cell: string, field: string): unknown {
  if (cell.trim() === '') {
    // Without labels everything is learnt.
    if (field === 'labels') return undefined;
    throw new BadRow(`${field} is empty`);
  }
  if (jsonDepth(cell, MAX_JSON_DEPTH) > MAX_JSON_DEPTH)
    throw new BadRow(`${field} is nested more than ${MAX_JSON_DEPTH} levels deep`);
  let value: unknown;
  try {
    value = JSON.parse(cell);
  } catch {
    const python = /^\s*[[{]\s*[[{]?\s*'/.test(cell)
      ? ': it is written as Python has it, with single quotes'
      : '';
    throw new BadRow(`${field} is not a list in JSON${python}`);
  }
  refuseRepeated(cell, value);
  return value;
}
