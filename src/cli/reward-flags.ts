/** `--reward`: names with weights, JSON, or files of JSON or JavaScript. */
import { basename } from 'node:path';
import { GraftError } from '../errors.ts';
import { parseWritten } from '../json.ts';
import { plural } from '../numbers.ts';
import type { Rewards } from '../scorers/rewards/reward.ts';
import { readRewards } from '../scorers/rewards/specs.ts';
import type { RewardSpec } from '../scorers/scorer-spec.ts';
import { specScorer, unknownScorer } from '../scorers/spec.ts';
import type { Flags, FlagSpecs } from './flags.ts';
import type { Output } from './output.ts';
import { isJson, isScorerFile, readScorerFile } from './scorer-texts.ts';

const WHERE = '--reward';
/** Says which rewards failed on some answers. */
export function tellRewardFailures({ failures }: Pick<Rewards, 'failures'>, output: Output): void {
  for (const { reward, count, first } of failures)
    output.line(
      `Warning: the reward ${reward} failed on ${plural(count, 'answer')}, which count as 0: ${first}`,
    );
}

/**
 * Replaces file names by their content, so that the values of the flag are complete.
 *
 * @throws GraftError `file-missing`, `reward`, `json-…`
 */
export async function readRewardFiles(flags: Flags<FlagSpecs>): Promise<void> {
  const given = flags.texts('reward');
  if (!given.some(isScorerFile)) return;
  const read: string[] = [];
  for (const text of given)
    read.push(
      isScorerFile(text)
        ? JSON.stringify(readRewards(await readScorerFile(text, 'reward'), basename(text)))
        : text,
    );
  flags.replace('reward', read);
}

/**
 * The rewards that values of the flag name, in their order.
 *
 * @throws GraftError `reward` naming what is wrong, and where
 */
export function readRewardTexts(texts: readonly string[]): readonly RewardSpec[] {
  const list = texts.flatMap((text): unknown[] => {
    if (!isJson(text)) return text.split(',').map((one) => readName(one.trim()));
    const value = parseWritten(text, WHERE);
    return Array.isArray(value) ? value : [value];
  });
  return readRewards(list, WHERE);
}

/** NAME or NAME:WEIGHT. */
function readName(text: string): { name: string; weight?: number } {
  const [, name, weight] = /^([^:]*)(?::(.*))?$/.exec(text) ?? [];
  if (name === undefined || !specScorer(name)) throw unknownScorer(name ?? text, WHERE, 'reward');
  if (weight === undefined) return { name };
  const number = Number(weight);
  if (weight.trim() === '' || !Number.isFinite(number))
    throw new GraftError(
      'reward',
      `${WHERE}: the weight of ${name} is "${weight}".`,
      'Write a number, as in exact-match:0.5.',
    );
  return { name, weight: number };
}
