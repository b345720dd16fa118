/** Rewards that count only what neither the prompts nor the reference answers show: a model rarely writes that by chance, so it learns nothing. */
import type { RewardSpec } from '../scorer-spec.ts';
import { valuesOf } from '../scorer.ts';
import { specScorer } from '../spec.ts';
import { rewardNames } from './specs.ts';

/** How many rows are looked at. */
const ROWS = 32;

interface RewardWarning {
  readonly key: 'rewards';
  /** The odd reward, in a sentence. */
  readonly what: string;
  /** What happens otherwise, and what to do. */
  readonly usual: string;
}

/** @param asked the rows to train on: their prompts, and their reference answers if there are some */
export function rewardWarnings(
  specs: readonly RewardSpec[],
  asked: readonly { readonly prompt: string; readonly answer?: string }[],
): RewardWarning[] {
  const texts = asked.slice(0, ROWS).flatMap(({ prompt, answer }) => [prompt, answer ?? '']);
  if (texts.length === 0) return [];
  const names = rewardNames(specs);
  return specs.flatMap((spec, at): RewardWarning[] => {
    const kind = specScorer(spec.name);
    const needs = kind?.marks?.(valuesOf(kind, spec)) ?? [];
    const missing = needs.filter((part) => texts.every((text) => !text.includes(part)));
    if (spec.weight === 0 || missing.length === 0) return [];
    const parts = missing.map((part) => `“${part}”`).join(' and ');
    return [
      {
        key: 'rewards',
        what: `The reward ${names[at]} counts only with ${parts} in the answer, and no prompt or reference answer shows that.`,
        usual: `A model rarely writes it by chance, and then learns nothing. Ask for it in the prompts${kind?.instead ? `, or ${kind.instead}` : ', or choose another reward'}.`,
      },
    ];
  });
}
