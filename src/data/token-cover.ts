/** New tokens with which a model can write what its own tokens cannot. */
import { problemWithTexts } from '../text/added-tokens.ts';

/** The most characters of an offered token. */
const MAX_CHARS = 32;
/** The most tokens that are offered. */
const MAX_TOKENS = 64;
/** Different pieces of text that are looked at, the most frequent first. */
const MAX_UNITS = 200;
/** Characters of such a piece. */
const MAX_UNIT_CHARS = 100;
/** With more marks the answers are in a script that the model does not know: rows of a few tokens teach it none. */
const MAX_MARKS = 32;

/**
 * Few texts that cover every mark in the answers, each mark together with what stands around it: `lost_`, `</answer>`, `####`. A mark that is a token
 * of the model by itself cannot be added again. A greedy cover: the text that covers the most marks is next, and of several the longest.
 *
 * @param marks what the model cannot write
 * @param isKnown whether a text is a token already
 * @returns the tokens, the most useful first, and the marks that still stand somewhere without one
 */
export function newTokensFor(
  answers: readonly string[],
  marks: readonly string[],
  isKnown: (text: string) => boolean,
): { readonly tokens: string[]; readonly left: string[] } {
  if (marks.length > MAX_MARKS) return { tokens: [], left: [...marks] };
  const solid = marks.filter((mark) => mark.trim() !== '').map((mark) => mark.trim());
  let units = unitsOf(answers, solid);
  const tokens: string[] = [];
  while (units.size > 0 && tokens.length < MAX_TOKENS) {
    const best = bestOf(units, solid, isKnown);
    if (best === undefined) break;
    tokens.push(best);
    units = without(units, best, solid);
  }
  const rest = [...units.keys()];
  const left = marks.filter((mark) => mark.trim() === '' || rest.some((unit) => unit.includes(mark.trim())));
  return { tokens, left };
}

/** Runs without white space that have a mark, with how often each occurs. */
function unitsOf(answers: readonly string[], marks: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const answer of answers)
    for (const run of answer.split(/\s+/))
      for (let at = 0; at < run.length; at += MAX_UNIT_CHARS) {
        const unit = run.slice(at, at + MAX_UNIT_CHARS);
        if (marks.some((mark) => unit.includes(mark))) counts.set(unit, (counts.get(unit) ?? 0) + 1);
      }
  const ordered = [...counts].sort(([, one], [, two]) => two - one);
  return new Map(ordered.slice(0, MAX_UNITS));
}

const marksIn = (text: string, marks: readonly string[]): number =>
  marks.reduce((sum, mark) => sum + text.split(mark).length - 1, 0);

function bestOf(
  units: ReadonlyMap<string, number>,
  marks: readonly string[],
  isKnown: (text: string) => boolean,
): string | undefined {
  const covered = new Map<string, number>();
  for (const [unit, count] of units) {
    const characters = [...unit];
    const own = new Set<string>();
    for (let start = 0; start < characters.length; start++)
      for (let end = start + 1; end <= Math.min(characters.length, start + MAX_CHARS); end++) {
        const text = characters.slice(start, end).join('');
        if (marks.some((mark) => text.includes(mark))) own.add(text);
      }
    for (const text of own) {
      const times = unit.split(text).length - 1;
      covered.set(text, (covered.get(text) ?? 0) + count * times * marksIn(text, marks));
    }
  }
  let best: string | undefined;
  let max = 0;
  for (const [text, count] of covered) {
    const isBetter = count > max || (count === max && best !== undefined && text.length > best.length);
    if (count === 0 || !isBetter || isKnown(text) || problemWithTexts([text]) !== undefined) continue;
    [best, max] = [text, count];
  }
  return best;
}

/** The units with a token taken out, as far as they still have a mark. */
function without(
  units: ReadonlyMap<string, number>,
  token: string,
  marks: readonly string[],
): Map<string, number> {
  const rest = new Map<string, number>();
  for (const [unit, count] of units)
    for (const part of unit.split(token))
      if (marks.some((mark) => part.includes(mark))) rest.set(part, (rest.get(part) ?? 0) + count);
  return rest;
}
