/** `graft reward`: the scores that rewards give to texts of a file. Needs no GPU, and a model only to count tokens. */
import { GraftError } from '../errors.ts';
import { plural } from '../numbers.ts';
import { openRewards, type Rewards, type Scored } from '../scorers/rewards/reward.ts';
import type { RewardSpec } from '../scorers/scorer-spec.ts';
import { specScorer } from '../scorers/spec.ts';
import { valuesOf } from '../scorers/scorer.ts';
import { answerTexts, readTexts, type ScoredText } from './reward-texts.ts';
import { dataFlags, readReadOptions } from './row-flags.ts';
import { textTable } from './evaluate-output.ts';
import { checkReading } from './file-kinds.ts';
import { modelOf } from './files.ts';
import { Flags, type FlagSpecs } from './flags.ts';
import type { Output } from './output.ts';
import { readRewardFiles, readRewardTexts } from './reward-flags.ts';
import { startSandbox } from './sandbox.ts';
import { modelFlags, requiredTokenizer } from './session.ts';
import { mean } from '../averages.ts';

const DEFAULT_SHOWN = 20;
const LONGEST_SHOWN = 60;

export const rewardFlags = {
  reward: {
    value: 'NAME[:W]|FILE …',
    many: true,
    help: 'names of rewards with their weights, JSON, or a file of JSON or JavaScript',
  },
  predictions: {
    value: 'FILE',
    help: 'JSON lines with completion (or prediction, output), answer (or reference, expected), prompt and other columns; - for standard input',
  },
  ...dataFlags,
  model: { value: 'PATH', help: 'a model folder whose tokenizer counts tokens, if a reward needs them' },
  rows: { value: 'N', help: `texts that are shown one by one (default: ${DEFAULT_SHOWN})` },
  json: { help: 'print all scores as JSON instead of tables' },
  help: modelFlags.help,
} as const satisfies FlagSpecs;

/** @throws GraftError `arguments`, `reward`, `reward-code`, and as {@link readTexts} and {@link answerTexts} */
export async function rewardCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = new Flags(rewardFlags, args);
  await readRewardFiles(flags);
  if (!flags.isGiven('reward')) flags.required('reward');
  const specs = readRewardTexts(flags.texts('reward'));
  const predictions = flags.text('predictions');
  const data = flags.text('data');
  if ((predictions === undefined) === (data === undefined))
    throw new GraftError(
      'arguments',
      predictions === undefined ? 'There is nothing to score.' : '--predictions and --data are both given.',
      'Give --predictions FILE with completions, or --data FILE to score its own answers.',
    );
  await checkReading(flags);
  const texts =
    predictions === undefined
      ? await answerTexts(data!, readReadOptions(flags), output)
      : await readTexts(predictions);
  const tokensOf = await tokenCounter(flags.text('model'), specs, texts);
  const rewards = await openRewards(specs, { where: '--reward', stops: false, startSandbox });
  try {
    const scored: Scored[] = [];
    for (const text of texts) {
      scored.push(...(await rewards.score([{ ...text, tokens: tokensOf(text) }])));
      output.progress(`Scoring: ${scored.length} of ${plural(texts.length, 'text')}`);
    }
    output.clear();
    if (flags.on('json')) output.result(`${JSON.stringify(report(rewards, texts, scored))}\n`);
    else output.result(tables(rewards, texts, scored, flags.integer('rows') ?? DEFAULT_SHOWN));
  } finally {
    rewards.close();
  }
}

/** Tokens of a text, from its file or counted by the tokenizer. @throws GraftError `arguments` if a reward needs them and neither is there */
async function tokenCounter(
  model: string | undefined,
  specs: readonly RewardSpec[],
  texts: readonly ScoredText[],
): Promise<(text: ScoredText) => number> {
  const tokenizer = model === undefined ? undefined : await requiredTokenizer(await modelOf(model));
  const needs = specs.find((spec) => {
    const kind = specScorer(spec.name);
    return kind?.needs(valuesOf(kind, spec)).includes('tokens') ?? false;
  });
  if (needs && !tokenizer && texts.some(({ tokens }) => tokens === undefined))
    throw new GraftError(
      'arguments',
      `The reward ${needs.name} counts tokens, but the file has no column for them.`,
      'Give --model PATH, or a column named tokens.',
    );
  return ({ tokens, completion }) => tokens ?? tokenizer?.encode(completion).length ?? 0;
}

/** Mean, range and failures of each reward, of the numbers shown next to them, and of the sum. */
function summary(rewards: Rewards, scored: readonly Scored[]): Summary[] {
  const line = (name: string, values: readonly number[], more: Partial<Summary> = {}): Summary => ({
    name,
    mean: mean(values),
    min: values.reduce((min, value) => Math.min(min, value)),
    max: values.reduce((max, value) => Math.max(max, value)),
    ...more,
  });
  return [
    ...rewards.names.map((name, at) => {
      const failed = rewards.failures.find(({ reward }) => reward === name);
      return line(
        name,
        scored.map(({ parts }) => parts[at]),
        { weight: rewards.weights[at], failures: failed?.count ?? 0, ...(failed && { first: failed.first }) },
      );
    }),
    ...rewards.shown.map((name, at) =>
      line(
        name,
        scored.map(({ shown }) => shown[at]),
      ),
    ),
    line(
      'sum',
      scored.map(({ total }) => total),
    ),
  ];
}

interface Summary {
  readonly name: string;
  readonly mean: number;
  readonly min: number;
  readonly max: number;
  readonly weight?: number;
  readonly failures?: number;
  readonly first?: string;
}

function report(rewards: Rewards, texts: readonly ScoredText[], scored: readonly Scored[]): object {
  return {
    rows: texts.length,
    ...(rewards.most !== undefined && { most: rewards.most }),
    rewards: summary(rewards, scored),
    scores: scored.map(({ total, parts, shown, problems }) => ({
      total,
      ...Object.fromEntries(rewards.names.map((name, at) => [name, parts[at]])),
      ...Object.fromEntries(rewards.shown.map((name, at) => [name, shown[at]])),
      ...(problems && {
        problems: Object.fromEntries(
          rewards.names.flatMap((name, at) => (problems[at] === undefined ? [] : [[name, problems[at]]])),
        ),
      }),
    })),
  };
}

const digits = (value: number): string => String(Number(value.toFixed(3)));

function tables(
  rewards: Rewards,
  texts: readonly ScoredText[],
  scored: readonly Scored[],
  max: number,
): string {
  const lines = summary(rewards, scored);
  const totals = textTable(
    ['reward', 'weight', 'mean', 'least', 'most', 'failed'],
    lines.map(({ name, weight, mean: average, min, max: top, failures }) => [
      name,
      weight === undefined ? '' : digits(weight),
      digits(average),
      digits(min),
      digits(top),
      failures === undefined ? '' : String(failures),
    ]),
  );
  const each = textTable(
    ['text', ...rewards.names, ...rewards.shown, 'sum'],
    scored
      .slice(0, max)
      .map(({ total, parts, shown, problems }, at) => [
        inLine(texts[at].completion),
        ...parts.map((part, one) => (problems?.[one] === undefined ? digits(part) : 'failed')),
        ...shown.map(digits),
        digits(total),
      ]),
  );
  const failures = rewards.failures.map(
    ({ reward, count, first }) => `${reward} failed on ${plural(count, 'text')}, first: ${first}.\n`,
  );
  const left = scored.length - max;
  return [
    totals,
    ...(max > 0 ? [`\n${each}`] : []),
    ...(max > 0 && left > 0 ? [`… and ${plural(left, 'text')} more.\n`] : []),
    ...(failures.length > 0 ? ['\n', ...failures] : []),
    rewards.most === undefined ? '' : `\nThe most that a text can get is ${digits(rewards.most)}.\n`,
  ].join('');
}

function inLine(text: string): string {
  const line = text
    .slice(0, LONGEST_SHOWN * 2)
    .replaceAll(/[\s\p{Cc}]+/gu, ' ')
    .trim();
  return line.length > LONGEST_SHOWN ? `${line.slice(0, LONGEST_SHOWN - 1)}…` : line;
}
