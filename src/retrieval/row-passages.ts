/** The passages that answer a row, as its column `passages` names them, and how many of these stand before its question. */
import { mean } from '../averages.ts';
import { isObject, type JsonObject } from '../json.ts';
import type { Passage, Relevance } from './relevance.ts';

/** @returns undefined for what is none */
export function readPassage(passage: unknown): Passage | undefined {
  if (!isObject(passage)) return undefined;
  const { doc = passage.file, start, end, text } = passage;
  if (typeof doc !== 'string' || typeof start !== 'number' || typeof end !== 'number') return undefined;
  return { doc, start, end, text: typeof text === 'string' ? text : undefined };
}

/** The passages of a row; what is none is passed over, as any column that Graft does not use. */
export function passagesOfRow({ passages }: JsonObject = {}): Passage[] {
  return Array.isArray(passages) ? passages.flatMap((passage: unknown) => readPassage(passage) ?? []) : [];
}

/**
 * The share of passages that have a relevant chunk among those before the question; undefined if there are none.
 *
 * @param isGiven whether a chunk stands there, by its place in the chunks of `relevance`
 */
export function recallOf(
  wanted: readonly Passage[],
  relevance: Relevance,
  isGiven: (chunk: number) => boolean,
): number | undefined {
  if (wanted.length === 0) return undefined;
  return mean(wanted.map((passage) => ((relevance.relevantTo(passage) ?? []).some(isGiven) ? 1 : 0)));
}
