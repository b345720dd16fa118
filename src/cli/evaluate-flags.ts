/** The flags of `graft evaluate`, and what they choose. */
import { GraftError } from '../errors.ts';
import { base as baseMethod } from '../evaluate/methods/base.ts';
import { adapterFewShot, fewShot } from '../evaluate/methods/few-shot.ts';
import { instructed, instructedFewShot } from '../evaluate/methods/instructed.ts';
import { instructionLabels, usualInstruction } from '../evaluate/methods/instruction.ts';
import type { AskedQuestion, ExampleChoice, Method, Demonstration } from '../evaluate/methods/method.ts';
import { CARD_METRICS } from '../evaluate/success.ts';
import { readTarget, type TaskCard } from '../evaluate/task-card.ts';
import { adapterRetrieval, retrieval } from '../evaluate/methods/retrieval.ts';
import { EVALUATION_METHODS } from '../evaluate/methods/registry.ts';
import { LABELS } from '../evaluate/choices.ts';
import { changed, type List } from '../lists.ts';
import { accuracy } from '../scorers/accuracy.ts';
import { loss } from '../scorers/loss.ts';
import { macroF1 } from '../scorers/macro-f1.ts';
import { perplexity } from '../scorers/perplexity.ts';
import type { Scorer } from '../scorers/scorer.ts';
import { scorerSpecOf } from '../scorers/chosen.ts';
import { NAMED_SCORERS, USUAL_SCORERS } from '../scorers/lists.ts';
import { nearestName } from '../nearest-name.ts';
import { LIMIT_SETTINGS, SPLIT_SETTINGS } from '../settings/rows.ts';
import { BASE_SETTINGS } from '../settings/run.ts';
import { dataFlags, rowFlags } from './row-flags.ts';
import type { FlagSpecs, Flags } from './flags.ts';
import { generalFlag } from './general-text.ts';
import { metricsOfTexts } from './metric-flags.ts';
import { passageFlags } from './passages.ts';
import { modelFlags } from './session.ts';
import { settingFlags } from './setting-flags.ts';

export const ASKED_PARTS = ['test', 'validation', 'train', 'all'] as const;
/** The rows whose loss is measured: the asked ones, or the whole part. */
export const LOSS_ROWS = ['asked', 'all'] as const;
/** Methods that put examples before each question. */
const WITH_EXAMPLES: readonly Method[] = [fewShot, instructedFewShot, adapterFewShot];
export const hasExamples = (method: Method): boolean => WITH_EXAMPLES.includes(method);
/** Methods that put passages of an index before a question. */
const OF_INDEX: readonly Method[] = [retrieval, adapterRetrieval];
const DEFAULT_ROWS = 100;
const DEFAULT_SHOTS = 4;

const listed = (items: readonly { readonly name: string; readonly help: string }[]): string =>
  items.map(({ name, help }) => `${name} (${help})`).join('; ');

/** Scorers with what each does, as a list in a help. */
const scorersListed = (scorers: readonly Scorer[]): string =>
  listed(scorers.map(({ name, help }) => ({ name, help: clause(help) })));

/** A sentence in brackets: no full stop, and no capital that only starts it. */
const clause = (sentence: string): string =>
  (/^[A-Z][a-z ]/.test(sentence) ? sentence[0].toLowerCase() + sentence.slice(1) : sentence).replace(
    /\.$/,
    '',
  );

export const evaluateFlags = {
  model: modelFlags.model,
  adapter: {
    value: 'DIR …',
    many: true,
    help: 'PEFT adapter folders, each compared with the methods without tuning',
  },
  tuned: {
    value: 'DIR …',
    many: true,
    help: 'folders of models that full fine-tuning of this base made, each compared like an adapter',
  },
  ...dataFlags,
  ...rowFlags,
  ...settingFlags(LIMIT_SETTINGS),
  ...settingFlags(SPLIT_SETTINGS),
  split: {
    value: 'PART',
    help: 'the rows that are measured: test (default, or all if no rows are held out), validation, train, or all of --data. Methods with examples then take theirs from a few rows that no method answers',
  },
  rows: {
    value: 'N',
    help: `rows that are asked, of each task if there are several, drawn by the seed (default: ${DEFAULT_ROWS}, or all if there are fewer)`,
  },
  seed: {
    value: 'N',
    help: 'draws the rows that are asked, splits, as that of graft train, and the bootstrap of --predictions (default: 42)',
  },
  methods: {
    value: 'A,B',
    help: `methods to measure (default: all): ${listed(EVALUATION_METHODS)}; zero-shot stands for ${baseMethod.name}, retrieval+adapter for ${adapterRetrieval.name}, and 1-shot,3-shot for ${fewShot.name} with 1 and with 3 examples. Instructed methods need --task, --instruction or labels, and are measured by default if there is one of the first two`,
  },
  metrics: {
    value: 'A,B|JSON|FILE …',
    many: true,
    help: `how it is measured: names, scorers with settings as JSON such as {"name": "regex", "pattern": "^A", "as": "starts with A"}, or a file of JSON or JavaScript (default: ${USUAL_SCORERS.map(({ name }) => name).join(', ')}): ${scorersListed(NAMED_SCORERS)}`,
  },
  task: { value: 'TEXT', help: 'the task in a sentence, for the report and for methods that are instructed' },
  success: {
    value: 'SCORE',
    help: 'the score that counts as success, such as "9 of 10", 90% or 0.9, by the first of --metrics: the verdict answers it',
  },
  choices: {
    value: 'labels|COLUMN',
    help: 'choose answers by likelihood instead of generating them: among the different answers of the data (labels), or the texts that a column of each row lists',
  },
  'loss-rows': {
    value: 'WHICH',
    help: 'rows whose loss is measured: asked (default), or all of the part, which may take long',
  },
  shots: {
    value: 'N',
    help: `examples of training before each question, for methods with examples (default: ${DEFAULT_SHOTS}); fewer if they do not fit`,
  },
  examples: {
    value: 'HOW',
    help: `how these examples are chosen: random (the same for all questions), nearest (those that share most words with each) or similar (those nearest to it by --encoder). Default: nearest for ${instructedFewShot.name}, random for others`,
  },
  instruction: {
    value: 'TEXT',
    help: `what ${instructed.name} and ${instructedFewShot.name} say before each question (default: the sentence of --task and, if answers are labels, their list)`,
  },
  reward: {
    value: 'NAME[:W]|FILE …',
    many: true,
    help: 'score answers by these rewards as well: names with weights, JSON, or a file of JSON or JavaScript (default: those that an adapter learned from)',
  },
  ...passageFlags,
  general: generalFlag('measure the perplexity on general text in addition to that on the rows'),
  forgetting: generalFlag(
    'measure what each adapter forgot, as graft train does: the loss on general text, general prompts, KL to the base',
  ),
  lineage: {
    value: 'DIR',
    help: 'every adapter that led to this one, each on the test rows of all of them: what was learned, and what was forgotten',
  },
  predictions: {
    value: 'FILE',
    many: true,
    help: 'score this file, with 95% intervals: JSON lines with prediction and reference (or a list), or output and expected; one for each fold gives their mean',
  },
  open: {
    value: 'FILE',
    help: 'print the tables of a saved evaluation.json, of this command or of the page, instead of measuring',
  },
  out: {
    value: 'DIR',
    help: 'where to write predictions.jsonl, report.json, evaluation.json, and report.html to read',
  },
  overwrite: { help: 'replace the evaluation that --out holds' },
  json: { help: 'print the report as JSON instead of a table' },
  ...settingFlags(BASE_SETTINGS),
  device: modelFlags.device,
  threads: modelFlags.threads,
  kernels: modelFlags.kernels,
  help: modelFlags.help,
} as const satisfies FlagSpecs;

export type EvaluateFlags = Flags<typeof evaluateFlags>;

/** The methods with these names, in their order. @throws GraftError `arguments` for an unknown name */
function methodsNamed(names: readonly string[]): Method[] {
  return [...new Set(names)].map((name) => {
    const method = EVALUATION_METHODS.find((one) => one.name === name);
    if (method) return method;
    const known = [...EVALUATION_METHODS.map((one) => one.name), 'zero-shot', '1-shot', '3-shot'];
    const near = nearestName(name, known);
    throw new GraftError(
      'arguments',
      `Unknown method ${JSON.stringify(name)} in --methods.${near ? ` Did you mean ${near}?` : ''}`,
      `Choose from ${known.join(', ')}.`,
    );
  });
}

/** @throws GraftError as `metricsOfTexts` */
export function chosenMetrics(flags: EvaluateFlags): readonly Scorer[] {
  const texts = flags.texts('metrics');
  const choices = flags.text('choices');
  if (texts.length === 0 && choices !== undefined)
    return [accuracy, ...(choices === LABELS ? [macroF1] : []), loss, perplexity];
  return texts.length === 0 ? USUAL_SCORERS : metricsOfTexts(texts, 'metrics');
}

/** The task card; undefined if neither a task nor a score is given. @throws GraftError `arguments` for a text that is no score */
export function taskCardOf(flags: EvaluateFlags): TaskCard | undefined {
  const [goal, target] = [flags.text('task') ?? '', flags.text('success') ?? ''];
  if (goal === '' && target === '') return undefined;
  if (target !== '' && !readTarget(target))
    throw new GraftError(
      'arguments',
      `--success has ${JSON.stringify(target)}, which is not a score.`,
      'Write it as "9 of 10", 90% or 0.9.',
    );
  const metric = chosenMetrics(flags).find(
    (one) =>
      CARD_METRICS.some(({ name }) => name === one.name) || (scorerSpecOf(one) && one.better === 'higher'),
  );
  return { goal, target, ...(metric && { metric: metric.name }) };
}

/**
 * In the order of the registry, the cheapest first.
 *
 * @param learned whether an adapter learned from rewards: it is then asked with examples as well
 * @throws GraftError `arguments`
 */
export function chosenMethods(flags: EvaluateFlags, learned = false): readonly Method[] {
  const adapters = flags.texts('adapter').length + flags.texts('tuned').length;
  const names = flags.list('methods')?.map((name) => readMethod(name).name);
  const hasIndex = flags.isGiven('index');
  if (!names)
    return EVALUATION_METHODS.filter((method) =>
      method.term === instructed.term
        ? flags.isGiven('task') || flags.isGiven('instruction')
        : (hasIndex || !OF_INDEX.includes(method)) &&
          (method.kind !== 'adapter' || (adapters > 0 && (learned || method !== adapterFewShot))),
    );
  const chosen = methodsNamed(names);
  const isAsked = chosen.some(({ kind }) => kind === 'adapter');
  if (isAsked !== adapters > 0)
    throw new GraftError(
      'arguments',
      isAsked
        ? '--methods names adapter, and neither --adapter nor --tuned is given.'
        : '--adapter or --tuned is given, and --methods leaves adapters out.',
      'Give both, or neither.',
    );
  const hasPassages = chosen.some((method) => OF_INDEX.includes(method));
  if (hasPassages !== hasIndex)
    throw new GraftError(
      'arguments',
      hasPassages
        ? '--methods names passages, and --index is missing.'
        : '--index is given, and --methods leaves retrieval out.',
      'Give both, or neither.',
    );
  return EVALUATION_METHODS.filter((method) => chosen.includes(method));
}

export const askedRowCount = (flags: EvaluateFlags): number => flags.integer('rows', 1) ?? DEFAULT_ROWS;

/** A name of --methods. `zero-shot` is the base model, `N-shot` the base model with N examples, and `retrieval+adapter` an adapter with passages. */
function readMethod(asked: string): { name: string; shots?: number } {
  if (asked === 'zero-shot') return { name: baseMethod.name };
  if (asked === 'retrieval+adapter' || asked === 'adapter+retrieval') return { name: adapterRetrieval.name };
  const shots = /^([1-9]\d{0,3})-shot$/.exec(asked);
  return shots ? { name: fewShot.name, shots: Number(shots[1]) } : { name: asked };
}

/** Numbers of examples before each question, the smallest first: one, or those that --methods names. @throws GraftError `arguments` for another number in --shots */
export function askedShots(flags: EvaluateFlags): readonly number[] {
  const given = flags.integer('shots', 1);
  const named = [...new Set((flags.list('methods') ?? []).flatMap((name) => readMethod(name).shots ?? []))];
  if (given !== undefined && named.some((shots) => shots !== given))
    throw new GraftError(
      'arguments',
      `--methods and --shots give different numbers of examples: ${[given, ...named].join(', ')}.`,
      'Give the numbers in --methods only, such as 1-shot,3-shot.',
    );
  return named.length > 0 ? named.sort((a, b) => a - b) : [given ?? DEFAULT_SHOTS];
}

/** How examples are chosen. @throws GraftError `arguments` */
export const askedExamples = (flags: EvaluateFlags): ExampleChoice | undefined =>
  flags.choice('examples', ['random', 'nearest', 'similar'] as const);

/** What instructed methods hear; '' if nothing is known of the task. @param train with the labels @param asked in place of training rows if there are none */
export function askedInstruction(
  flags: EvaluateFlags,
  train: List<Demonstration>,
  asked: readonly AskedQuestion[],
): string {
  const rows: List<AskedQuestion> = train.length > 0 ? train : asked;
  const answers = changed(rows, ({ question }) => question.expected);
  return flags.text('instruction') ?? usualInstruction(flags.text('task') ?? '', instructionLabels(answers));
}
