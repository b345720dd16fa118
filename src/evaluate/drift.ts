/**
 * How far what people ask has moved from the training rows: the Jensen–Shannon distance of two distributions of words (Endres & Schindelin, 2003),
 *
 *   JSD(p, q) = H((p + q) / 2) − (H(p) + H(q)) / 2      distance = √JSD, in [0, 1] with logarithms to base 2
 *
 * Two small samples of the same texts differ as well. So the distance is compared with those that chance gives: samples of the training texts, as many
 * as were asked, against all of them.
 */
import { Random } from '../random.ts';

export interface Drift {
  readonly distance: number;
  /** The largest distance of the samples that chance drew. */
  readonly byChance: number;
  /** Words that are more frequent than in training, those that add most to the distance first. */
  readonly words: readonly string[];
}

const SAMPLES = 40;
const WORDS = 8;

type Counts = ReadonlyMap<string, number>;

/** Letters and digits of any script, in lower case. */
const wordsOf = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];

function countsOf(texts: readonly string[]): Counts {
  const counts = new Map<string, number>();
  for (const text of texts) for (const word of wordsOf(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

const totalOf = (counts: Counts): number => [...counts.values()].reduce((sum, count) => sum + count, 0);
const plogp = (p: number): number => (p > 0 ? p * Math.log2(p) : 0);

/** What each word adds to the divergence, and which side has it more often. */
function partsOf(asked: Counts, trained: Counts): { word: string; part: number; more: boolean }[] {
  const [a, t] = [totalOf(asked), totalOf(trained)];
  return [...new Set([...asked.keys(), ...trained.keys()])].map((word) => {
    const [p, q] = [(asked.get(word) ?? 0) / a, (trained.get(word) ?? 0) / t];
    return { word, part: (plogp(p) + plogp(q)) / 2 - plogp((p + q) / 2), more: p > q };
  });
}

const distanceOf = (parts: readonly { readonly part: number }[]): number =>
  Math.sqrt(
    Math.max(
      0,
      parts.reduce((sum, { part }) => sum + part, 0),
    ),
  );

/** @returns undefined if a side has no words */
export function logDrift(asked: readonly string[], trained: readonly string[], seed = 0): Drift | undefined {
  const [now, before] = [countsOf(asked), countsOf(trained)];
  if (now.size === 0 || before.size === 0) return undefined;
  const parts = partsOf(now, before);
  const random = new Random(seed);
  const chance = Array.from({ length: SAMPLES }, () => {
    const sample = Array.from(asked, () => trained[Math.floor(random.float() * trained.length)]);
    const counts = countsOf(sample);
    return counts.size === 0 ? 0 : distanceOf(partsOf(counts, before));
  });
  return {
    distance: distanceOf(parts),
    byChance: Math.max(...chance),
    words: parts
      .filter(({ more }) => more)
      .sort((a, b) => b.part - a.part)
      .slice(0, WORDS)
      .map(({ word }) => word),
  };
}
