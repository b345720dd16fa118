/** Reads config.json: every field is checked before anything is sized by it, and errors name the field. */
import { GraftError } from '../errors.ts';
import { isObject, type JsonObject } from '../json.ts';

/** Largest value of any size in a configuration: keeps products of a hostile file's numbers exact. */
const LARGEST_SIZE = 1 << 24;
/** A definition has list entries for every layer, so a hostile number would fill the memory. The deepest open models have 126. */
const MAX_LAYERS = 1024;
const LAYERS = ['num_hidden_layers', 'n_layer'];

export class ConfigReader {
  constructor(
    readonly fields: JsonObject,
    /** For messages: `folder/config.json`, or a field inside it. */
    readonly where: string,
  ) {}

  /** Whether a field is there and not null. */
  has(name: string): boolean {
    return this.fields[name] !== undefined && this.fields[name] !== null;
  }

  /** A whole number of at least one. */
  size(name: string, fallback?: number): number {
    const value = this.fields[name] ?? fallback;
    const max = LAYERS.includes(name) ? MAX_LAYERS : LARGEST_SIZE;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > max)
      throw this.wrong(name, `a whole number from 1 to ${max}`);
    return value;
  }

  number(name: string, fallback?: number): number {
    const value = this.fields[name] ?? fallback;
    if (typeof value !== 'number' || !Number.isFinite(value)) throw this.wrong(name, 'a number');
    return value;
  }

  positive(name: string, fallback?: number): number {
    const value = this.number(name, fallback);
    if (value <= 0) throw this.wrong(name, 'a number above 0');
    return value;
  }

  flag(name: string, fallback: boolean): boolean {
    const value = this.fields[name] ?? fallback;
    if (typeof value !== 'boolean') throw this.wrong(name, 'true or false');
    return value;
  }

  text(name: string, fallback?: string): string {
    const value = this.fields[name] ?? fallback;
    if (typeof value !== 'string') throw this.wrong(name, 'a text');
    return value;
  }

  /** An object inside, or undefined if it is null or absent. */
  object(name: string): ConfigReader | undefined {
    const value = this.fields[name];
    if (value === undefined || value === null) return undefined;
    if (!isObject(value)) throw this.wrong(name, 'an object');
    return new ConfigReader(value, `${this.where}, ${name}`);
  }

  /** A list of numbers, or undefined if it is null or absent. */
  numbers(name: string): number[] | undefined {
    return this.list(
      name,
      'a list of numbers',
      (entry) => typeof entry === 'number' && Number.isFinite(entry),
    );
  }

  /** A list of texts, or undefined if it is null or absent. */
  texts(name: string): string[] | undefined {
    return this.list(name, 'a list of texts', (entry) => typeof entry === 'string');
  }

  private list<T>(name: string, expected: string, holds: (entry: unknown) => boolean): T[] | undefined {
    const value = this.fields[name];
    if (value === undefined || value === null) return undefined;
    if (!Array.isArray(value) || !value.every(holds)) throw this.wrong(name, expected);
    return value as T[];
  }

  /** The error for an invalid field. */
  wrong(name: string, expected: string): GraftError {
    const value = this.fields[name];
    const shown = value === undefined ? 'is missing' : `is ${JSON.stringify(value)?.slice(0, 60)}`;
    return new GraftError(
      'config-field',
      `${this.where}: ${name} ${shown}, expected ${expected}.`,
      'Fetch the model folder again, or correct the file.',
    );
  }

  /**
   * The error for something that Graft does not compute.
   *
   * @param known the supported values
   */
  unsupported(what: string, known: readonly string[] = []): GraftError {
    return new GraftError(
      'config-unsupported',
      `${this.where}: ${what} is not supported${known.length > 0 ? ` (supported: ${known.join(', ')})` : ''}.`,
      'Choose another model.',
    );
  }
}
