/** Typed access to a GGUF file's metadata; errors name the key. */
import { GraftError } from '../../errors.ts';

export type MetadataScalar = string | number | bigint | boolean;
export type MetadataValue = MetadataScalar | readonly string[] | readonly number[] | readonly MetadataValue[];

export class Metadata {
  constructor(
    /** The file's name, for messages. */
    readonly where: string,
    readonly entries: ReadonlyMap<string, MetadataValue>,
  ) {}

  has(key: string): boolean {
    return this.entries.has(key);
  }

  text(key: string): string | undefined {
    const value = this.entries.get(key);
    if (value !== undefined && typeof value !== 'string') throw this.wrong(key, 'a text');
    return value;
  }

  number(key: string): number | undefined {
    const value = this.entries.get(key);
    if (value === undefined) return undefined;
    const number = typeof value === 'bigint' ? Number(value) : value;
    if (typeof number !== 'number' || !Number.isFinite(number)) throw this.wrong(key, 'a number');
    return number;
  }

  /** @throws GraftError `gguf-metadata` if it is missing */
  required(key: string): number {
    const value = this.number(key);
    if (value === undefined) throw this.wrong(key, 'a number');
    return value;
  }

  /** A number that was stored as f32, as the shortest decimal for it: 0.00001 and not 0.000009999999747378752. */
  float(key: string): number | undefined {
    const value = this.number(key);
    if (value === undefined || Math.fround(value) !== value) return value;
    const digits = [6, 7, 8].find((digits) => Math.fround(Number(value.toPrecision(digits))) === value);
    return digits ? Number(value.toPrecision(digits)) : value;
  }

  flag(key: string): boolean | undefined {
    const value = this.entries.get(key);
    if (value !== undefined && typeof value !== 'boolean') throw this.wrong(key, 'true or false');
    return value;
  }

  texts(key: string): readonly string[] | undefined {
    return this.#list(key, 'string', 'a list of texts') as readonly string[] | undefined;
  }

  numbers(key: string): readonly number[] | undefined {
    return this.#list(key, 'number', 'a list of numbers') as readonly number[] | undefined;
  }

  #list(key: string, type: string, expected: string): readonly unknown[] | undefined {
    const value = this.entries.get(key);
    if (value === undefined) return undefined;
    const list: readonly unknown[] | undefined = Array.isArray(value) ? value : undefined;
    if (!list?.every((item) => typeof item === type)) throw this.wrong(key, expected);
    return list;
  }

  wrong(key: string, expected: string): GraftError {
    const value = this.entries.get(key);
    const shown =
      value === undefined
        ? 'is missing'
        : Array.isArray(value)
          ? `is a list of ${value.length}`
          : `is ${JSON.stringify(String(value)).slice(0, 60)}`;
    return new GraftError(
      'gguf-metadata',
      `${this.where}: ${key} ${shown}, expected ${expected}.`,
      'Use a file that was converted for llama.cpp, or the Hugging Face folder.',
    );
  }
}
