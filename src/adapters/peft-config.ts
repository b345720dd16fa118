/** Reads PEFT's adapter_config.json: checks each field, and errors name it. */
import { GraftError } from '../errors.ts';
import { isObject, type JsonObject } from '../json.ts';
import { pathPattern } from './path-pattern.ts';

/** Characters of a key that is a regular expression. */
const MAX_EXPRESSION = 400;

/** Fields that, if set, make an adapter more than its tensors next to frozen linear layers. */
const UNSUPPORTED = [
  'layer_replication',
  'alora_invocation_tokens',
  'arrow_config',
  'kasa_config',
  'lora_bias',
  'monteclora_config',
  'use_bdlora',
  'use_qalora',
  'velora_config',
];

/** A parsed adapter_config.json, whose fields are checked when they are read. */
export class PeftConfigReader {
  /** @param where the file, for messages */
  constructor(
    private readonly json: JsonObject,
    private readonly where: string,
    /** Texts of added tokens, by id. */
    readonly added: ReadonlyMap<number, string> = new Map(),
    /** Paths of the layers that the base has. */
    private readonly paths: readonly string[] = [],
  ) {}

  /** The error `adapter-config` for a field, with its value, for the caller to throw. */
  wrong(name: string, expected: string): GraftError {
    return new GraftError(
      'adapter-config',
      `${this.where}: ${name} is ${JSON.stringify(this.json[name])?.slice(0, 60) ?? 'missing'}, expected ${expected}.`,
      'Export the adapter again with PEFT.',
    );
  }

  /** The error `adapter-unsupported`, for the caller to throw. */
  unsupported(what: string): GraftError {
    return unsupportedIn(this.where, what);
  }

  /** Whether a field is set: not null, false, or an empty list. */
  set(name: string): boolean {
    const value = this.json[name];
    return (
      value !== undefined &&
      value !== null &&
      value !== false &&
      !(Array.isArray(value) && value.length === 0)
    );
  }

  /** @throws GraftError `adapter-unsupported` for a field that no kind has, or that this kind lacks */
  refuseUnsupported(kind: { readonly beside?: unknown; readonly onParameters?: boolean }): void {
    if (!kind.onParameters && this.set('target_parameters')) throw this.unsupported('target_parameters');
    for (const field of ['modules_to_save', 'trainable_token_indices'])
      if (!kind.beside && this.set(field)) throw this.unsupported(field);
    for (const field of UNSUPPORTED) if (this.set(field)) throw this.unsupported(field);
    // These change the base's own weights when PEFT loads them, so that A and B alone are not the adapter.
    const start = this.json['init_lora_weights'];
    if (typeof start === 'string' && /^(pissa|olora|corda|loftq)/i.test(start))
      throw this.unsupported(`init_lora_weights ${JSON.stringify(start).slice(0, 60)}`);
  }

  /**
   * A finite number for which `holds` is true; `fallback` for a missing field.
   *
   * @throws GraftError `adapter-config`, with what was `expected`
   */
  number(name: string, holds: (value: number) => boolean, expected: string, fallback?: number): number {
    const value = this.json[name] ?? fallback;
    if (typeof value !== 'number' || !Number.isFinite(value) || !holds(value))
      throw this.wrong(name, expected);
    return value;
  }

  /**
   * Numbers above 0 by the ends of paths; none for a missing field. A key that is a regular expression becomes the paths that it fits, in its place: the
   * first key that fits a layer counts.
   *
   * @throws GraftError `adapter-config` for other values, `adapter-unsupported` for an expression that is not read
   */
  pattern(name: string): Record<string, number> {
    const value = this.json[name] ?? {};
    if (!isObject(value)) throw this.wrong(name, 'an object of numbers');
    const numbers = new Map<string, number>();
    for (const [key, entry] of Object.entries(value)) {
      if (typeof entry !== 'number' || !Number.isFinite(entry) || entry <= 0)
        throw this.wrong(name, 'an object of numbers above 0');
      for (const path of this.#fitting(key, name)) if (!numbers.has(path)) numbers.set(path, entry);
    }
    return Object.fromEntries(numbers);
  }

  /** The key itself, if it is the end of a path. @throws GraftError `adapter-unsupported` */
  #fitting(key: string, name: string): readonly string[] {
    if (/^[\w.]+$/.test(key)) return [key];
    const fits = key.length > MAX_EXPRESSION ? undefined : pathPattern(key);
    if (!fits)
      throw this.unsupported(
        `the key ${JSON.stringify(key).slice(0, 60)} of ${name} (a regular expression with more than classes, groups and repetitions)`,
      );
    return this.paths.filter(fits);
  }

  /** Whole numbers from 0 on: one, or a list. @throws GraftError `adapter-config` for other values */
  wholes(name: string): number[] {
    const value = this.json[name];
    const list: unknown[] = Array.isArray(value) ? value : [value];
    const isWhole = (item: unknown): item is number => Number.isInteger(item) && (item as number) >= 0;
    if (!list.every(isWhole)) throw this.wrong(name, 'a whole number or a list of them');
    return [...new Set(list)];
  }

  /** Lists of whole numbers from 0 on by the names of modules; one without a name if the field is a list itself. @throws GraftError `adapter-config` */
  listsOfWholes(name: string): { readonly name: string | undefined; readonly ids: readonly number[] }[] {
    const value = this.json[name];
    const lists: [string | undefined, unknown][] = isObject(value)
      ? Object.entries(value)
      : [[undefined, value]];
    const isWhole = (item: unknown): item is number => Number.isInteger(item) && (item as number) >= 0;
    return lists.map(([own, list]) => {
      if (!Array.isArray(list) || !list.every(isWhole)) throw this.wrong(name, 'lists of whole numbers');
      return { name: own, ids: list };
    });
  }

  /** The texts of a list; none if it is no list, such as a regular expression. */
  names(name: string): string[] {
    const value = this.json[name];
    return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
  }
}

/** The error `adapter-unsupported` for a file, for the caller to throw. */
export function unsupportedIn(where: string, what: string): GraftError {
  return new GraftError(
    'adapter-unsupported',
    `${where}: ${what} is not supported.`,
    'Use a plain LoRA, DoRA or IA3 adapter.',
  );
}
