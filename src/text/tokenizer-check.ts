/** Checks of single values of a tokenizer file, whose errors name the file and the part. */
import { GraftError } from '../errors.ts';
import { isObject, type JsonObject } from '../json.ts';

/** Gemma 3 has 262,145 tokens. */
export const MAX_TOKENS = 2 ** 21;
export const MAX_TOKEN_CHARS = 4096;

export class Checker {
  constructor(readonly where: string) {}

  wrong(part: string, what: string): GraftError {
    return new GraftError(
      'tokenizer-file',
      `${this.where}: ${part} ${what}.`,
      'Use the tokenizer files that the model was published with.',
    );
  }

  unsupported(part: string, what: string): GraftError {
    return new GraftError(
      'tokenizer-unsupported',
      `${this.where}: ${part} ${what}, which Graft does not support.`,
      'Use a model with another tokenizer.',
    );
  }

  text(value: unknown, part: string, limit = MAX_TOKEN_CHARS): string {
    if (typeof value !== 'string') throw this.wrong(part, 'is not a string');
    if (value.length > limit) throw this.wrong(part, `has ${value.length} characters`);
    return value;
  }

  optionalText(value: unknown, part: string): string | null {
    return value === undefined || value === null ? null : this.text(value, part);
  }

  flag(value: unknown, part: string): boolean {
    if (value === undefined || value === null) return false;
    if (typeof value !== 'boolean') throw this.wrong(part, 'is neither true nor false');
    return value;
  }

  id(value: unknown, part: string): number {
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < MAX_TOKENS)
      return value;
    throw this.wrong(
      part,
      `has the id ${JSON.stringify(value)?.slice(0, 40)}, which is not from 0 to ${MAX_TOKENS - 1}`,
    );
  }

  count(value: unknown, part: string, min: number, max: number): number {
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
    throw this.wrong(part, `is ${JSON.stringify(value)?.slice(0, 40)}, where ${min} to ${max} is possible`);
  }

  list(value: unknown, part: string, limit: number): unknown[] {
    if (!Array.isArray(value)) throw this.wrong(part, 'is not a list');
    if (value.length > limit) throw this.wrong(part, `has ${value.length} entries`);
    return value;
  }

  object(value: unknown, part: string): JsonObject {
    if (!isObject(value)) throw this.wrong(part, 'is not an object');
    return value;
  }
}
