/** Samples answers on the device with the policy in training, and scores them. */
import type { Adapter } from '../../adapters/adapter.ts';
import type { Generator } from '../../model/generator.ts';
import type { Sampling } from '../../model/sampling.ts';
import type { Scored } from '../../scorers/rewards/reward.ts';
import type { Scoring } from './scoring.ts';
import { textAfter, type Prompt } from './prompts.ts';

/** Tokens between two reports of progress. */
const TELL_MILLISECONDS = 100;

/** The request for one answer. */
interface Draw {
  readonly prompt: Prompt;
  readonly seed: number;
}

export interface DrawnSamples {
  readonly prompt: Prompt;
  /** Its tokens, including the one that ended it. */
  readonly ids: readonly number[];
  readonly text: string;
  /** Whether it reached the limit before it ended. */
  readonly cut: boolean;
  readonly scored: Scored;
}

interface SamplingWatch {
  /** Called with the number of complete answers, of all, plus a fraction for those under way. */
  readonly onProgress: (done: number, total: number) => void;
  /** Called at every token: true interrupts. */
  readonly isInterrupted: () => boolean;
}

export class Sampler {
  constructor(
    private readonly generator: Generator,
    private readonly adapter: Adapter | undefined,
    private readonly scoring: Scoring,
    private readonly maxCompletionLength: number,
  ) {}

  /**
   * Answers in the order of the requests.
   *
   * @returns undefined if it was interrupted
   * @throws GraftError `sampling-not-finite`, `reward-fails`, `engine-…`
   */
  async draw(
    draws: readonly Draw[],
    sampling: Sampling,
    { onProgress, isInterrupted }: SamplingWatch,
  ): Promise<DrawnSamples[] | undefined> {
    const { generator, scoring, maxCompletionLength } = this;
    const { tokenizer, rewards } = scoring;
    const abort = new AbortController();
    let reported = 0;
    onProgress(0, draws.length);
    /** Tokens of the answers under way, and how many have ended. */
    const tokens = draws.map(() => 0);
    let ended = 0;
    const generated = await generator.generate(
      draws.map(({ prompt }) => prompt.ids),
      {
        maxNewTokens: maxCompletionLength,
        sampling,
        seed: 0,
        seeds: draws.map(({ seed }) => seed),
        stopIds: tokenizer.eosIds,
        adapter: this.adapter,
        signal: abort.signal,
        onToken: (at) => {
          tokens[at]++;
          if (isInterrupted()) abort.abort();
          const now = performance.now();
          if (now - reported < TELL_MILLISECONDS) return;
          reported = now;
          const underWay = tokens.reduce((sum, count) => sum + count, 0);
          onProgress(ended + underWay / maxCompletionLength, draws.length);
        },
        onEnd: (at) => {
          tokens[at] = 0;
          ended++;
        },
      },
    );
    if (isInterrupted() || abort.signal.aborted) return undefined;
    const drawn = draws.map(({ prompt }, at): Omit<DrawnSamples, 'scored'> => {
      const { ids, stopId } = generated[at];
      return {
        prompt,
        ids: stopId === undefined ? ids : [...ids, stopId],
        text: textAfter(tokenizer, prompt.ids, ids),
        cut: stopId === undefined,
      };
    });
    onProgress(draws.length, draws.length);
    const scored = await rewards.score(
      drawn.map(({ prompt, ids, text, cut }) => ({
        ...{ prompt: prompt.prompt, completion: text, tokens: ids.length, cut },
        ...{ answer: prompt.answer, row: prompt.columns },
      })),
    );
    return drawn.map((one, at) => ({ ...one, scored: scored[at] }));
  }
}

/** The seed of an answer: a function of the run's seed, the step, the group in it and the place in the group. */
export function sampleSeed(...parts: readonly number[]): number {
  let hash = 0x811c9dc5;
  for (const part of parts) {
    hash = Math.imul(hash ^ part, 0x9e3779b1);
    hash ^= hash >>> 15;
    hash = Math.imul(hash, 0x85ebca6b);
    hash ^= hash >>> 13;
  }
  return hash >>> 0;
}
