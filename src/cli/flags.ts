/** Arguments of a command: declared once, checked strictly, described in the help. */
import { parseArgs } from 'node:util';
import { GraftError } from '../errors.ts';
import { flagOfOtherTool, nearestFlag, nearestName } from '../nearest-name.ts';
import { readNumbers } from '../settings/flag-text.ts';
import { TABLE } from '../settings/table.ts';

export interface FlagSpec {
  /** What the help calls the value; a flag without one is on or off. */
  readonly value?: string;
  /** The value of the flag if none follows it. */
  readonly bare?: string;
  /** Another flag, which switches this one off again. */
  readonly negative?: string;
  /** Whether it may be given more than once, or with several values after it. */
  readonly many?: boolean;
  /** Other words for it that a person may try. */
  readonly words?: readonly string[];
  /** The part of the help that lists it; without one it comes first. */
  readonly heading?: string;
  readonly help: string;
}

export type FlagSpecs = Readonly<Record<string, FlagSpec>>;

/** Without a remedy: `graft` adds the help of the command that was called. */
function wrong(what: string): GraftError {
  return new GraftError('arguments', what, '');
}

/** The flags of one call. Each getter checks what it gives. */
export class Flags<Specs extends FlagSpecs> {
  readonly #values: Record<string, string | boolean | string[] | undefined>;
  /** The file that a flag's value is from, for flags that the call leaves out. */
  readonly #completed = new Map<string, string>();

  /** @throws GraftError `arguments` for an unknown flag, a missing value or a word too many */
  constructor(declared: Specs, args: readonly string[]) {
    const specs = withNegatives(declared);
    const options = Object.fromEntries(
      Object.entries(specs).map(([name, { value, many = false }]) => [
        name,
        { type: value ? ('string' as const) : ('boolean' as const), multiple: many },
      ]),
    );
    try {
      this.#values = parseArgs({
        args: withBareValues(specs, withEachValue(specs, args)),
        options,
        strict: true,
        allowPositionals: false,
      }).values as Record<string, string | boolean | string[] | undefined>;
    } catch (cause) {
      const dashed = dashedValue(specs, args);
      if (dashed)
        throw new GraftError(
          'arguments',
          `--${dashed.name} has no value: the next word, ${dashed.value}, starts with a dash.`,
          `If that is the value, write --${dashed.name}=${dashed.value}.`,
        );
      throw misread(specs, args, cause);
    }
    for (const [name, { negative }] of Object.entries(declared))
      if (negative !== undefined && this.#values[negative] === true) this.#values[name] = false;
  }

  /** Gives values to flags that the call leaves out. @param from the file that they are from */
  complete(values: Readonly<Record<string, string | boolean>>, from: string): void {
    for (const [name, value] of Object.entries(values)) {
      if (this.#values[name] !== undefined) continue;
      this.#values[name] = value;
      this.#completed.set(name, from);
    }
  }

  /** The file that a flag's value is from; undefined if the call has the flag. */
  fileOf(name: keyof Specs & string): string | undefined {
    return this.#completed.get(name);
  }

  /** Replaces the values of a repeatable flag by the content that they name. */
  replace(name: keyof Specs & string, values: readonly string[]): void {
    this.#values[name] = [...values];
  }

  /** Whether the call has a flag. */
  isGiven(name: keyof Specs & string): boolean {
    return this.#values[name] !== undefined;
  }

  on(name: keyof Specs & string): boolean {
    return this.#values[name] === true;
  }

  text(name: keyof Specs & string): string | undefined {
    const value = this.#values[name];
    return typeof value === 'string' ? value : undefined;
  }

  /** All values of a repeatable flag. */
  texts(name: keyof Specs & string): readonly string[] {
    const values = this.#values[name];
    return Array.isArray(values) ? values : typeof values === 'string' ? [values] : [];
  }

  required(name: keyof Specs & string): string {
    const value = this.text(name);
    if (value === undefined) throw wrong(`--${name} is missing.`);
    return value;
  }

  number(name: keyof Specs & string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (text.trim() === '' || !Number.isFinite(value))
      throw wrong(`--${name} is "${text}", which is not a number.`);
    return value;
  }

  positive(name: keyof Specs & string): number | undefined {
    const value = this.number(name);
    if (value !== undefined && value <= 0) throw wrong(`--${name} is ${value}, expected a number above 0.`);
    return value;
  }

  integer(name: keyof Specs & string, min = 0): number | undefined {
    const value = this.number(name);
    if (value !== undefined && (!Number.isInteger(value) || value < min))
      throw wrong(`--${name} is ${value}, expected a whole number of at least ${min}.`);
    return value;
  }

  choice<Choice extends string>(name: keyof Specs & string, choices: readonly Choice[]): Choice | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const choice = choices.find((candidate) => candidate === text);
    if (!choice) throw wrong(`--${name} is "${text}", expected ${choices.join(', ')}.`);
    return choice;
  }

  list(name: keyof Specs & string): string[] | undefined {
    const items = this.text(name)
      ?.split(/(?<!\\),/)
      .map((item) => item.replaceAll('\\,', ',').trim());
    if (items?.some((item) => item === '')) throw wrong(`--${name} has an empty item.`);
    return items;
  }

  /** NAME=N, separated by commas: numbers above 0 by name. */
  pattern(name: keyof Specs & string): Record<string, number> {
    const entries = (this.list(name) ?? []).map((item): [string, number] => {
      const [, key, number] = /^([\w.]+)=(.+)$/.exec(item) ?? [];
      const value = Number(number);
      if (!(Number.isFinite(value) && value > 0))
        throw wrong(`--${name} has "${item}", expected the end of a layer's path, = and a number above 0.`);
      return [key, value];
    });
    return Object.fromEntries(entries);
  }

  /** Whole numbers and ranges of them, separated by commas: `0-3,5`. */
  numbers(name: keyof Specs & string): readonly number[] | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const numbers = readNumbers(text);
    if (numbers.some(Number.isNaN))
      throw wrong(`--${name} is "${text}", expected whole numbers such as 0-3,5.`);
    return numbers;
  }

  /** Token ids, separated by commas. */
  ids(name: keyof Specs & string): number[] {
    return (this.list(name) ?? []).map((item) => {
      const id = Number(item);
      if (!Number.isInteger(id) || id < 0) throw wrong(`--${name} has "${item}", which is not a token id.`);
      return id;
    });
  }
}

/** The first word that is neither a flag nor a flag's value, and the rest without it. */
export function wordApart(specs: FlagSpecs, args: readonly string[]): { word?: string; rest: string[] } {
  const isFlag = (word: string | undefined): boolean => word?.startsWith('-') ?? false;
  const wantsValue = (word: string | undefined): boolean => {
    const name = word?.slice('--'.length) ?? '';
    return isFlag(word) && Object.hasOwn(specs, name) && specs[name].value !== undefined;
  };
  const at = args.findIndex((word, i) => !isFlag(word) && !wantsValue(args[i - 1]));
  return at < 0 ? { rest: [...args] } : { word: args[at], rest: args.toSpliced(at, 1) };
}

/** An error of parseArgs, in words that name the flag or the word. */
function misread(specs: FlagSpecs, args: readonly string[], cause: unknown): GraftError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const nameOf = (word: string): string => word.replace(/^--?/, '').split('=')[0];
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
    const unknown = args.find((word) => /^-./.test(word) && !Object.hasOwn(specs, nameOf(word)));
    const near = unknown && meantFlag(nameOf(unknown), specs);
    const elsewhere = unknown && TABLE.settings.find(({ flag }) => flag === nameOf(unknown));
    if (elsewhere)
      return wrong(
        `--${elsewhere.flag} is a setting of a run (${elsewhere.label}), and this command has no such setting.`,
      );
    return wrong(
      `There is no flag ${unknown?.split('=')[0] ?? 'like this'}.${near ? ` Did you mean --${near}?` : ''}`,
    );
  }
  if (code === 'ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL') {
    const { word } = wordApart(specs, args);
    return wrong(`${JSON.stringify(word)} stands alone: every value needs its flag before it.`);
  }
  const name = args
    .map(nameOf)
    .find((flag, i) => /^--/.test(args[i]) && lacksOrHasTooMuch(specs, args, i, flag));
  if (name === undefined) throw cause;
  const { value } = specs[name];
  return wrong(value ? `--${name} needs a value: --${name} ${value}.` : `--${name} takes no value.`);
}

/** The flag that is meant: by the name that another tool has for it, by its own name, or by another word for it. */
function meantFlag(typed: string, specs: FlagSpecs): string | undefined {
  const names = Object.keys(specs);
  const known = flagOfOtherTool(typed, names);
  if (known !== undefined) return known;
  const flags = Object.entries(specs).flatMap(([name, { words = [] }]) =>
    [name, ...words].map((word) => ({ name, word })),
  );
  const near = nearestName(
    typed,
    flags.map(({ word }) => word),
  );
  return flags.find(({ word }) => word === near)?.name ?? nearestFlag(typed, names);
}

function lacksOrHasTooMuch(specs: FlagSpecs, args: readonly string[], at: number, name: string): boolean {
  if (!Object.hasOwn(specs, name)) return false;
  const given = args[at].includes('=');
  return specs[name].value === undefined ? given : !given && args.at(at + 1) === undefined;
}

/** With an extra flag for each `--no-…` form, which the help does not list. */
function withNegatives(specs: FlagSpecs): FlagSpecs {
  const negatives = Object.values(specs).flatMap(({ negative, help }) =>
    negative === undefined ? [] : [[negative, { help }] as const],
  );
  return { ...Object.fromEntries(negatives), ...specs };
}

/** `--adapter a b` as `--adapter a --adapter b`. */
function withEachValue(specs: FlagSpecs, args: readonly string[]): string[] {
  let many: string | undefined;
  return args.flatMap((word, i) => {
    if (word.startsWith('-')) {
      const name = word.slice('--'.length);
      many = Object.hasOwn(specs, name) && specs[name].many === true ? word : undefined;
      return [word];
    }
    return many === undefined || args[i - 1] === many ? [word] : [many, word];
  });
}

/** `--json` as `--json=-`, if it is the last word or a flag follows. */
function withBareValues(specs: FlagSpecs, args: readonly string[]): string[] {
  return args.map((word, i) => {
    const name = word.slice('--'.length);
    const bare = word.startsWith('--') && Object.hasOwn(specs, name) ? specs[name].bare : undefined;
    const next = args.at(i + 1);
    return bare !== undefined && (next === undefined || /^-./.test(next)) ? `${word}=${bare}` : word;
  });
}

/** The first flag that needs a value and is followed by a word with a dash, which could be a value or a flag. */
function dashedValue(specs: FlagSpecs, args: readonly string[]): { name: string; value: string } | undefined {
  for (const [i, word] of args.entries()) {
    const name = word.slice('--'.length);
    const next = args.at(i + 1);
    const takesOne = word.startsWith('--') && Object.hasOwn(specs, name) && specs[name].value !== undefined;
    if (takesOne && next !== undefined && /^-./.test(next)) return { name, value: next };
  }
  return undefined;
}

/** The same flags in a part of the help. */
export function underFlag<Specs extends FlagSpecs>(heading: string, specs: Specs): Specs {
  return Object.fromEntries(
    Object.entries(specs).map(([name, spec]) => [name, { heading, ...spec }]),
  ) as unknown as Specs;
}

/** The least width that is worth a second column. */
const MIN_COLUMNS = 60;

/**
 * The flags and what they do, part by part.
 *
 * @param columns of the terminal: longer lines are broken between words; without it each flag has one line
 */
export function describeFlags(specs: FlagSpecs, columns = Infinity): string {
  const flags = Object.entries(specs).map(([name, { value, bare, help, heading = '' }]) => ({
    name: `--${name}${value ? (bare === undefined ? ` ${value}` : ` [${value}]`) : ''}`,
    help,
    heading,
  }));
  const width = Math.max(...flags.map(({ name }) => name.length));
  const room = columns - width - '    '.length;
  const lines = (help: string): string[] => (room < MIN_COLUMNS ? [help] : brokenAt(room, help));
  const described = (heading: string): string[] =>
    flags
      .filter((flag) => flag.heading === heading)
      .flatMap(({ name, help }) =>
        lines(help).map((line, i) => `  ${(i === 0 ? name : '').padEnd(width)}  ${line}`),
      );
  return [...new Set(['', ...flags.map(({ heading }) => heading)])]
    .map((heading) => [...(heading ? [heading] : []), ...described(heading)].join('\n'))
    .filter((part) => part !== '')
    .join('\n\n');
}

/** Lines of at most `most` characters, broken between words. */
function brokenAt(max: number, text: string): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines[lines.length - 1];
    if (last !== '' && last.length + 1 + word.length > max) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines;
}
