/** `--reward`: names with weights, JSON, or files of JSON or JavaScript. */
import { basename, parse } from 'node:path';
import { GraftError } from '../errors.ts';
import { decodeUtf8, parseWritten } from '../json.ts';
import { plural } from '../numbers.ts';
import type { Rewards } from '../scorers/rewards/reward.ts';
import {
  LONGEST_NAME,
  readRewards,
  rewardKind,
  unknownReward,
  type RewardSpec,
} from '../scorers/rewards/specs.ts';
import { readWhole } from './files.ts';
import type { Flags, FlagSpecs } from './flags.ts';
import type { Output } from './output.ts';

const WHERE = '--reward';
/** Says which rewards failed on some answers. */
export function tellFailures({ failures }: Pick<Rewards, 'failures'>, output: Output): void {
  for (const { reward, count, first } of failures)
    output.line(
      `Warning: the reward ${reward} failed on ${plural(count, 'answer')}, which count as 0: ${first}`,
    );
}

/** Rewards are written by hand. */
const LARGEST_FILE = 1 << 20;

const isJson = (text: string): boolean => /^\s*[[{]/.test(text);
const isFile = (text: string): boolean => !isJson(text) && /\.(json|m?js)$/i.test(text);

/**
 * Replaces file names by their content, so that the values of the flag are complete.
 *
 * @throws GraftError `file-missing`, `reward`, `json-…`
 */
export async function readRewardFiles(flags: Flags<FlagSpecs>): Promise<void> {
  const given = flags.texts('reward');
  if (!given.some(isFile)) return;
  const read: string[] = [];
  for (const text of given) read.push(isFile(text) ? await readRewardFile(text) : text);
  flags.replace('reward', read);
}

async function readRewardFile(path: string): Promise<string> {
  const bytes = await readWhole(path);
  if (bytes.length > LARGEST_FILE)
    throw new GraftError(
      'reward',
      `${path} has ${bytes.length} bytes; a file of rewards has at most ${LARGEST_FILE}.`,
      'Check that it is the right file.',
    );
  const text = decodeUtf8(bytes, path);
  const name = basename(path);
  const value = /\.json$/i.test(path)
    ? parseWritten(text, name)
    : { name: 'javascript', as: parse(path).name.slice(0, LONGEST_NAME), code: text };
  return JSON.stringify(readRewards(value, name));
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
  if (name === undefined || !rewardKind(name)) throw unknownReward(name ?? text, WHERE);
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
