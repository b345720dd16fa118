/** Shared by the formats of rows. A format is a file next to this one: how its rows are recognised, and how one becomes an example. */
import { isObject, repeatedKey, type JsonObject } from '../../json.ts';
import type { ExampleContent } from '../../text/trainable.ts';
import type { RowFault } from '../example.ts';

export interface RowFormat {
  readonly name: string;
  /** The fields that an example uses; others are ignored. */
  readonly fields: readonly string[];
  /** Whether a row is meant to be of this format: by its fields' names alone. */
  matches(row: JsonObject): boolean;
  /** The example. Throws {@link BadRow}. */
  read(row: JsonObject): ExampleContent;
  /** Which parts of the row are left out, as sentences without their full stops. */
  notes?(row: JsonObject): readonly string[];
}

/** A row that breaks its format; the message is the reason that the person reads. */
export class BadRow extends Error {
  /** @param fault the kind of the mistake, if it is one of those that a check of the rows names */
  constructor(
    message: string,
    readonly fault?: RowFault,
  ) {
    super(message);
  }
}

/** A value for a message: short, whatever it is. */
export function shown(value: unknown): string {
  if (isObject(value)) return 'an object';
  if (Array.isArray(value)) return 'a list';
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}

/** Refuses an object that has a key twice, since one of its values would be lost. @param text the JSON that `value` was read from @throws BadRow */
export function refuseRepeated(text: string, value: unknown): void {
  const key = repeatedKey(text, value);
  if (key !== undefined) throw new BadRow(`the key ${shown(key)} stands twice in one object`);
}

/**
 * A string that can be encoded. An absent field is a problem of its own, so that the reason says so.
 *
 * @param field its name, for messages
 * @throws BadRow if it is missing, is not a text, or has a lone surrogate
 */
export function textOf(value: unknown, field: string): string {
  if (value === undefined) throw new BadRow(`${field} is missing`);
  if (typeof value !== 'string') throw new BadRow(`${field} is ${shown(value)}, but a text is needed`);
  if (!value.isWellFormed()) throw new BadRow(`${field} has half a character (a lone surrogate)`);
  return value;
}

/** {@link textOf} of an answer. @throws BadRow also for an empty one, with the fault `empty-answer` */
export function answerTextOf(value: unknown, field: string): string {
  const text = textOf(value, field);
  if (text.trim() === '') throw new BadRow(`${field} is empty`, 'empty-answer');
  return text;
}

/** {@link textOf}. @throws BadRow also for a text of white space only */
export function filledTextOf(value: unknown, field: string): string {
  const text = textOf(value, field);
  if (text.trim() === '') throw new BadRow(`${field} is empty`);
  return text;
}
