/**
 * Regular expressions of tokenizer files run on JavaScript's backtracking engine, on text of any length. What can take exponential time
 * there is refused before it is compiled. Tokenizers in use pass: their patterns are flat alternatives of classes with one quantifier each.
 *
 * Refused: a repeated group with a quantifier or an alternative inside, back-references, more than {@link MAX_OPEN_REPEATS} unbounded
 * repeats in one alternative, counts over {@link MAX_COUNT}. What is left is at worst polynomial of that low degree.
 */
import { GraftError } from '../errors.ts';

/** The longest in use (o200k, DeepSeek) have under 600 characters. */
export const MAX_PATTERN_CHARS = 4096;
const MAX_OPEN_REPEATS = 4;
const MAX_COUNT = 1000;

interface Group {
  /** A quantifier or an alternative inside, at any depth. */
  varies: boolean;
  /** Unbounded repeats in the alternative being read. */
  open: number;
  /** The most in any alternative. */
  mostOpen: number;
}

interface Quantifier {
  least: number;
  most: number;
  end: number;
}

function quantifierAt(pattern: string, at: number): Quantifier | undefined {
  const { least, most, length } = ((): { least: number; most: number; length: number } => {
    if (pattern[at] === '*') return { least: 0, most: Infinity, length: 1 };
    if (pattern[at] === '+') return { least: 1, most: Infinity, length: 1 };
    if (pattern[at] === '?') return { least: 0, most: 1, length: 1 };
    const counted = /^\{(\d*)(,?)(\d*)\}/.exec(pattern.slice(at, at + 32));
    if (!counted || (!counted[1] && !counted[3])) return { least: 1, most: 1, length: 0 };
    const low = Number(counted[1] || 0);
    const high = counted[2] ? (counted[3] ? Number(counted[3]) : Infinity) : low;
    return { least: low, most: high, length: counted[0].length };
  })();
  if (length === 0) return undefined;
  // A lazy or possessive mark belongs to it.
  const end = at + length;
  return { least, most, end: pattern[end] === '?' || pattern[end] === '+' ? end + 1 : end };
}

/** The end of an escape, \p{…} and \x{…} included. */
function afterEscape(pattern: string, at: number): number {
  if ('pPxu'.includes(pattern[at + 1] ?? '') && pattern[at + 2] === '{') {
    const close = pattern.indexOf('}', at);
    if (close > 0) return close + 1;
  }
  return at + 2;
}

/** The end of a character class, which may hold others (Oniguruma). */
function afterClass(pattern: string, at: number): number {
  let depth = 0;
  for (let i = at; i < pattern.length;) {
    if (pattern[i] === '\\') i = afterEscape(pattern, i);
    else if (pattern[i] === '[') {
      depth++;
      i++;
      if (pattern[i] === '^') i++;
      if (pattern[i] === ']') i++; // first in its class: itself
    } else if (pattern[i] === ']') {
      i++;
      if (--depth === 0) return i;
    } else i++;
  }
  return pattern.length;
}

/** Throws `tokenizer-pattern`, naming `where`, if the pattern could take forever. Says nothing about whether it compiles. */
export function checkPattern(pattern: string, where: string): void {
  const refuse = (why: string): GraftError =>
    new GraftError(
      'tokenizer-pattern',
      `${where} has a regular expression that is not run: ${why}.`,
      'Use the tokenizer files that the model was published with.',
    );
  if (pattern.length === 0) throw refuse('it is empty');
  if (pattern.length > MAX_PATTERN_CHARS) throw refuse(`it has ${pattern.length} characters`);
  const groups: Group[] = [{ varies: false, open: 0, mostOpen: 0 }];
  for (let i = 0; i < pattern.length;) {
    const char = pattern[i];
    let closed: Group | undefined;
    if (char === '(') {
      groups.push({ varies: false, open: 0, mostOpen: 0 });
      i++;
      if (pattern[i] === '?') i++; // (?: (?= (?<! (?i: …: not a quantifier
      continue;
    }
    if (char === '|') {
      const group = groups[groups.length - 1];
      group.varies = true;
      group.mostOpen = Math.max(group.mostOpen, group.open);
      group.open = 0;
      i++;
      continue;
    }
    if (char === ')') {
      if (groups.length === 1) throw refuse('its brackets do not match');
      closed = groups.pop();
      i++;
    } else if (char === '\\') {
      if (/[1-9k]/.test(pattern[i + 1] ?? '')) throw refuse('it refers back to a group');
      i = afterEscape(pattern, i);
    } else if (char === '[') i = afterClass(pattern, i);
    else i++;

    const group = groups[groups.length - 1];
    const quantifier = quantifierAt(pattern, i);
    if (quantifier) {
      i = quantifier.end;
      if (closed?.varies && quantifier.most > 1)
        throw refuse('it repeats a group that varies, which can take forever');
      if (Number.isFinite(quantifier.most) ? quantifier.most > MAX_COUNT : quantifier.least > MAX_COUNT) {
        throw refuse(`it counts beyond ${MAX_COUNT}`);
      }
      if (quantifier.least !== quantifier.most) group.varies = true;
      if (quantifier.most === Infinity) group.open++;
    }
    if (closed) {
      group.varies ||= closed.varies;
      group.open += Math.max(closed.mostOpen, closed.open);
    }
    if (group.open > MAX_OPEN_REPEATS)
      throw refuse(`it has more than ${MAX_OPEN_REPEATS} unbounded repeats in a row`);
  }
  if (groups.length !== 1) throw refuse('its brackets do not match');
}
