/** A measurement of answers and losses, and of what was forgotten. */
import * as v from 'valibot';
import { RULES } from '../../../evaluate/methods/registry.ts';
import { rewardsProblem, type RewardSpec } from '../../../rewards/specs.ts';
import { Origin } from './origin.ts';
import { count, number, text } from './values.ts';

export const Share = v.object({ count, total: count, interval: v.tuple([number, number]) });
const ofRows = { loss: number, perplexity: number, supervisedTokens: count, rows: v.optional(count) };
export const Loss = v.object({ ...ofRows, tasks: v.optional(v.record(text, v.object(ofRows))) });
export const Draw = v.object({
  seed: number,
  of: count,
  test: v.optional(count),
  planned: v.optional(count),
  tooLong: count,
  labels: v.optional(v.object({ drawn: count, of: count, least: count, most: count })),
});

/** Rewards as a person wrote them. */
export const Rewards = v.custom<readonly RewardSpec[]>((value) => rewardsProblem(value) === undefined);

const Likelihood = v.object({ logp: number, tokens: count });
const Pair = v.object({ chosen: Likelihood, rejected: Likelihood });

export const Evaluation = v.object({
  origin: Origin,
  draw: v.optional(Draw),
  seen: v.optional(
    v.union([v.object({ asked: count, test: count, of: count }), v.picklist(['imported', 'before', 'rows'])]),
  ),
  rows: v.array(
    v.object({
      prompt: v.string(),
      expected: v.string(),
      base: v.string(),
      tuned: v.string(),
      task: v.optional(text),
    }),
  ),
  base: v.optional(Loss),
  tuned: v.optional(Loss),
  otherText: v.optional(v.literal(true)),
  general: v.optional(v.object({ base: Loss, tuned: Loss })),
  exact: v.object({ base: Share, tuned: Share }),
  rewards: v.optional(
    v.object({
      ...{ base: v.array(number), tuned: v.array(number), passMark: v.optional(number) },
      chosen: v.optional(Rewards),
      each: v.optional(
        v.array(
          v.object({
            ...{ name: text, weight: number, passMark: number },
            ...{ base: v.array(number), tuned: v.array(number) },
          }),
        ),
      ),
    }),
  ),
  pairs: v.optional(v.object({ base: v.array(Pair), tuned: v.array(Pair) })),
  rules: v.array(
    v.object({
      rule: v.picklist(RULES.map(({ name }) => name)),
      exact: Share,
      answer: v.optional(v.string()),
      share: v.optional(number),
      answers: v.optional(v.array(v.string())),
    }),
  ),
  failed: v.optional(v.array(v.object({ name: text, reason: v.string() }))),
});
export const Measured = v.object({
  evaluations: v.pipe(v.array(Evaluation), v.minLength(1)),
  seconds: number,
});

export const Forgetting = v.object({
  before: number,
  after: v.optional(number),
  during: v.optional(v.array(v.object({ step: count, loss: number }))),
  kl: v.optional(v.object({ before: number, after: v.optional(number) })),
  prompts: v.optional(
    v.array(
      v.object({
        prompt: v.string(),
        before: v.string(),
        rightBefore: v.boolean(),
        after: v.optional(v.string()),
        rightAfter: v.optional(v.boolean()),
      }),
    ),
  ),
});
