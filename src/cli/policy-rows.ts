/** Rows of sampled answers for `graft gradients --objective grpo`: ids, with rewards or advantages. */
import { GraftError } from '../errors.ts';
import { isObject } from '../json.ts';
import { advantagesOf, groupOf, type ScaleRewards } from '../objectives/grpo/advantages.ts';
import { sampledRow, type SampledCompletion, type SampledRow } from '../train/policy/sampled.ts';

interface Read {
  readonly promptIds: readonly number[];
  readonly sample: Omit<SampledCompletion, 'advantage'>;
  readonly advantage: number | undefined;
  readonly reward: number | undefined;
  readonly group: string;
}

/**
 * One sequence a row: {prompt_ids, completion_ids} with `advantage`, or with `reward` and `group`, from which it follows; `old_logps` and `ref_logps`
 * if known.
 *
 * @param text JSONL
 * @param rows the most that are read
 * @throws GraftError `train-rows` naming the line
 */
export function readPolicyRows(
  text: string,
  fileName: string,
  { rows, scaleRewards }: { readonly rows?: number; readonly scaleRewards: ScaleRewards },
): SampledRow[] {
  const lines = text.split('\n').flatMap((line, at) => (line.trim() === '' ? [] : [{ line, at: at + 1 }]));
  const read = lines.slice(0, rows).map(({ line, at }) => readRow(line, `${fileName}, line ${at}`));
  if (read.length === 0)
    throw new GraftError('train-rows', `${fileName} has no rows.`, 'Give a file with sampled answers.');
  const groups = new Map<string, number[]>();
  read.forEach(({ group }, at) => groups.set(group, [...(groups.get(group) ?? []), at]));
  const advantages = read.map(({ advantage }) => advantage);
  const missing = [...groups.values()].filter((places) => places.some((at) => advantages[at] === undefined));
  const found = advantagesOf(
    missing.map((places) => groupOf(places.map((at) => read[at].reward ?? NaN))),
    scaleRewards,
  );
  missing.forEach((places, at) => places.forEach((place, member) => (advantages[place] = found[at][member])));
  return read.map(({ promptIds, sample }, at) => {
    const advantage = advantages[at];
    if (advantage === undefined || !Number.isFinite(advantage))
      throw new GraftError(
        'train-rows',
        `${fileName}: row ${at + 1} has no advantage, and none follows from the rewards of its group.`,
        'Give each row an advantage, or a reward with a group of two rows or more.',
      );
    return sampledRow(promptIds, [{ ...sample, advantage }]);
  });
}

function readRow(line: string, where: string): Read {
  const wrong = (what: string): GraftError =>
    new GraftError(
      'train-rows',
      `${where}: ${what}.`,
      'Give rows with prompt_ids and completion_ids, and advantage, or reward and group.',
    );
  let row: unknown;
  try {
    row = JSON.parse(line);
  } catch {
    throw wrong('this is not JSON');
  }
  if (!isObject(row)) throw wrong('this is not an object');
  const numbers = (name: string): number[] | undefined => {
    const value = row[name];
    if (value === undefined || value === null) return undefined;
    if (!Array.isArray(value) || !value.every((one) => typeof one === 'number' && Number.isFinite(one)))
      throw wrong(`${name} is not a list of numbers`);
    return value;
  };
  const number = (name: string): number | undefined => {
    const value = row[name];
    if (value !== undefined && value !== null && typeof value !== 'number')
      throw wrong(`${name} is not a number`);
    return value ?? undefined;
  };
  const promptIds = numbers('prompt_ids') ?? [];
  const ids = numbers('completion_ids') ?? [];
  if (promptIds.length === 0 || ids.length === 0) throw wrong('prompt_ids or completion_ids are missing');
  const [old, reference] = [numbers('old_logps'), numbers('ref_logps')];
  for (const values of [old, reference])
    if (values && values.length !== ids.length)
      throw wrong(`${values.length} log-probabilities for ${ids.length} tokens`);
  return {
    promptIds,
    sample: { ids, ...(old && { old }), ...(reference && { reference }) },
    advantage: number('advantage'),
    reward: number('reward'),
    group: JSON.stringify(row['group'] ?? null),
  };
}
