/**
 * Regular expressions of tokenizer files run on JavaScript's backtracking engine, on text of any length. The time that one can take is computed from
 * its source before it runs: each part has a bound on the ways in which it can match and on the steps that it takes, as `factor · Nᵈ` for a text of N
 * characters, and consecutive parts multiply.
 *
 * Three kinds come out of it. Most patterns of tokenizers in use fail after a fixed number of steps wherever they fail, so that a text takes time in
 * proportion to its length. Some look along the text before they fail (`\s+(?!\S)`, `\p{Lu}*\p{Ll}+`): one attempt takes N steps at most, and a watch
 * adds up what the attempts take (pattern-watch.ts). Everything else is refused: `a?` 28 times in a row has 2²⁸ ways.
 */
import { GraftError } from '../errors.ts';

/** The longest in use (o200k, DeepSeek) have under 600 characters. */
export const MAX_PATTERN_CHARS = 4096;
/** Patterns in use stay under 50. */
const MAX_FACTOR = 1024;
const MAX_NESTING = 100;

/** `factor · N^degree`, for a text of N characters. */
interface Bound {
  readonly degree: number;
  readonly factor: number;
}

/** Bounds for one part of a pattern. */
interface Cost {
  /** In how many ways it can match at one place, and thus how often the rest may be tried. */
  readonly ways: Bound;
  /** Steps until all ways were tried. */
  readonly work: Bound;
  /** Steps that are wasted if nothing after it can fail: to fail, or to try what is then left out. */
  readonly waste: Bound;
  /** Whether it matches everywhere, possibly the empty text. */
  readonly isSure: boolean;
}

const NONE: Bound = { degree: 0, factor: 0 };
const ONE: Bound = { degree: 0, factor: 1 };
const LENGTH: Bound = { degree: 1, factor: 1 };
const CHARACTER: Cost = { ways: ONE, work: ONE, waste: ONE, isSure: false };

const constant = (factor: number): Bound => ({ degree: 0, factor });
const sum = (a: Bound, b: Bound): Bound => ({
  degree: Math.max(a.degree, b.degree),
  factor: a.factor + b.factor,
});
const product = (a: Bound, b: Bound): Bound =>
  a.factor === 0 || b.factor === 0 ? NONE : { degree: a.degree + b.degree, factor: a.factor * b.factor };
const isOne = ({ degree, factor }: Bound): boolean => degree === 0 && factor === 1;

/** Why a pattern is refused. */
class Refusal extends Error {}

function sequence(parts: readonly Cost[]): Cost {
  let [ways, work, waste, tail] = [ONE, NONE, NONE, NONE];
  let isSure = true;
  for (const part of parts) {
    if (part.isSure) tail = sum(tail, part.waste);
    else {
      // All ways of the parts before it are tried until this one matches; after the last such part nothing is tried again.
      waste = sum(work, product(ways, part.waste));
      tail = NONE;
      isSure = false;
    }
    work = sum(work, product(ways, part.work));
    ways = product(ways, part.ways);
  }
  return { ways, work: sum(work, ONE), waste: sum(waste, tail), isSure };
}

function alternatives(choices: readonly Cost[]): Cost {
  if (choices.length === 1) return choices[0];
  const total = (field: 'ways' | 'work' | 'waste'): Bound =>
    choices.reduce((bound, choice) => sum(bound, choice[field]), NONE);
  return {
    ways: total('ways'),
    work: total('work'),
    waste: total('waste'),
    isSure: choices.some((choice) => choice.isSure),
  };
}

function repeated(part: Cost, min: number, most: number): Cost {
  if (most === 0) return { ways: ONE, work: ONE, waste: NONE, isSure: true };
  if (min === 1 && most === 1) return part;
  if (!isOne(part.ways)) {
    if (most > 1) throw new Refusal('it repeats a group that varies, which can take forever');
    return { ways: sum(part.ways, ONE), work: sum(part.work, ONE), waste: part.waste, isSure: true };
  }
  const times = most === Infinity ? LENGTH : constant(most);
  return {
    ways: most === Infinity ? LENGTH : constant(most - min + 1),
    work: product(times, part.work),
    // What repeats have matched is used; only the last one fails, unless each looks ahead.
    waste: product(part.waste.degree > 0 ? times : constant(min + 1), part.waste),
    isSure: min === 0 || part.isSure,
  };
}

/** Reads the source of a RegExp with the flag `u`, and adds up as it goes. */
class Reader {
  #at = 0;
  #nesting = 0;

  constructor(readonly source: string) {}

  /** @throws Refusal */
  read(): Cost {
    const cost = this.#alternatives();
    if (this.#at < this.source.length) throw new Refusal('its brackets do not match');
    return cost;
  }

  #alternatives(): Cost {
    if (++this.#nesting > MAX_NESTING) throw new Refusal('its groups nest too deeply');
    const choices: Cost[] = [];
    do {
      const parts: Cost[] = [];
      while (this.#at < this.source.length && !'|)'.includes(this.source[this.#at])) {
        const atom = this.#atom();
        const [min, most] = this.#quantifier();
        parts.push(repeated(atom, min, most));
      }
      choices.push(sequence(parts));
    } while (this.#takes('|'));
    this.#nesting--;
    return alternatives(choices);
  }

  #takes(text: string): boolean {
    const isThere = this.source.startsWith(text, this.#at);
    if (isThere) this.#at += text.length;
    return isThere;
  }

  #atom(): Cost {
    const char = this.source[this.#at];
    if (char === '(') return this.#group();
    if (char === '[') {
      for (this.#at++; this.#at < this.source.length && this.source[this.#at] !== ']'; this.#at++)
        if (this.source[this.#at] === '\\') this.#at++;
      this.#at++;
    } else if (char === '\\') {
      if (/[1-9k]/.test(this.source[this.#at + 1] ?? '')) throw new Refusal('it refers back to a group');
      const braced = /^\\[pPu]\{[^}]*\}/.exec(this.source.slice(this.#at, this.#at + 64));
      this.#at += braced ? braced[0].length : 2;
    } else this.#at++;
    return CHARACTER;
  }

  #group(): Cost {
    this.#at++;
    const looks = ['?=', '?!', '?<=', '?<!'].some((mark) => this.#takes(mark));
    // Past the rest of "(?:", "(?<name>" and "(?i:".
    if (!looks) this.#at += /^\?[^:>]*[:>]/.exec(this.source.slice(this.#at))?.[0].length ?? 0;
    const { ways, work, waste, isSure } = this.#alternatives();
    if (!this.#takes(')')) throw new Refusal('its brackets do not match');
    // A look-around is not tried again once it matched, and consumes nothing.
    return looks ? { ways: ONE, work, waste: work, isSure: false } : { ways, work, waste, isSure };
  }

  #quantifier(): [min: number, most: number] {
    const found = /^(?:[*+?]|\{(\d*)(,?)(\d*)\})[?+]?/.exec(this.source.slice(this.#at, this.#at + 64));
    if (!found) return [1, 1];
    this.#at += found[0].length;
    const [mark, low, comma, high] = found;
    if (mark.startsWith('*')) return [0, Infinity];
    if (mark.startsWith('+')) return [1, Infinity];
    if (mark.startsWith('?')) return [0, 1];
    const min = Number(low);
    return [min, comma ? (high ? Number(high) : Infinity) : min];
  }
}

export function refusedPattern(where: string, why: string): GraftError {
  return new GraftError(
    'tokenizer-pattern',
    `${where} has a regular expression that is not run: ${why}.`,
    'Use the tokenizer files that the model was published with.',
  );
}

/**
 * Whether the attempts of a pattern have to be watched: one can take as many steps as the text is long, and match nothing. Does not check that the
 * pattern compiles.
 *
 * @param source of a RegExp with the flag `u`
 * @param where for messages
 * @throws GraftError `tokenizer-pattern` if one attempt can take more than that
 */
export function needsWatch(source: string, where: string): boolean {
  let waste: Bound;
  try {
    ({ waste } = new Reader(source).read());
  } catch (error) {
    if (error instanceof Refusal) throw refusedPattern(where, error.message);
    throw error;
  }
  if (waste.factor > MAX_FACTOR)
    throw refusedPattern(where, 'it can try so many ways to match that it could take forever');
  if (waste.degree > 1)
    throw refusedPattern(where, 'its time grows at least with the square of the length of a text');
  return waste.degree === 1;
}
