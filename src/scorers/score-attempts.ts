/** Scores attempts by one scorer, one after the other. */
import { messageOf } from '../errors.ts';
import { scoreIn } from './open.ts';
import { Sandbox, type StartSandbox } from './sandbox/sandbox.ts';
import { valuesOf, type Attempt, type AttemptScorer } from './scorer.ts';

/** The scores of attempts by one scorer, in their order. */
export interface AttemptScores {
  /** Null for an attempt without one. */
  readonly scores: readonly (number | null)[];
  /** The places of the attempts that it failed on, and why on the first of them; missing if it failed on none. */
  readonly failed?: { readonly places: readonly number[]; readonly first: string };
}

/**
 * Scores attempts by a scorer with its initial settings, one after the other. An attempt that it cannot score throws nothing: it has no score, or the
 * scorer's fallback. A scorer that fails on all of them gives no score.
 *
 * @param startSandbox for code that may not end
 */
export async function scoreAttempts(
  scorer: AttemptScorer,
  attempts: readonly Attempt[],
  startSandbox?: StartSandbox,
): Promise<AttemptScores> {
  const sandbox = new Sandbox(startSandbox);
  try {
    const open = await scorer.open(valuesOf(scorer), scorer.name, sandbox);
    const scores: (number | null)[] = [];
    const places: number[] = [];
    let first = '';
    for (const [at, attempt] of attempts.entries()) {
      try {
        scores.push(scoreIn(await open.score(attempt)));
      } catch (error) {
        scores.push(scorer.fallback ?? null);
        if (places.push(at) === 1) first = messageOf(error);
      }
    }
    if (places.length === 0) return { scores };
    return {
      scores: places.length === attempts.length ? attempts.map(() => null) : scores,
      failed: { places, first },
    };
  } finally {
    sandbox.close();
  }
}
