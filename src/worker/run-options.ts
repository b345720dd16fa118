/** A run's settings as the page gives them: for the trainer, and as the command that repeats the run headless. */
import { writeSkipped } from '../data/skip-list.ts';
import { GraftError } from '../errors.ts';
import { fileNameOf } from '../export/folder-sink.ts';
import { promptOf } from '../evaluate/answer.ts';
import { sameChoices, type WeightChoices } from '../model/weight-types.ts';
import { shellWord } from '../text/shell.ts';
import { checkOptions, defaultOptions, type TrainOptions } from '../train/options.ts';
import type { DataOptions, RunOptions } from './api.ts';
import { rowsOf, type DataSet, type FilePlace } from './data.ts';
import type { OpenModel } from './model.ts';

/** Tokens of a sample on the way. */
export const SAMPLE_TOKENS = 48;

export function trainOptions(options: RunOptions): TrainOptions {
  const { steps, batch, accumulate, maxLength, lr, schedule, warmup, weightDecay, clip } = options;
  const { rank, alpha, dropout, rsLora, targets, rateRatio, seed, packing, evalEvery, patience } = options;
  // Runs that were kept before there was a choice did without.
  const checkpointing = options.checkpointing ?? false;
  return {
    ...defaultOptions('lora'),
    ...{ steps, batch, accumulate, maxLength, lr, schedule, warmup, weightDecay, clip },
    ...{ rateRatio, seed, packing, checkpointing, evalEvery, patience },
    lora: { rank, alpha, dropout, rsLora, targets, rankPattern: {}, alphaPattern: {} },
  };
}

/**
 * Finds what cannot work before anything is compiled.
 *
 * @throws GraftError `train-option`, `train-rows`, `worker-data-model`
 */
export function checkRun(options: RunOptions, data: DataSet, { content, tokenizer, info }: OpenModel): void {
  const wrong = (what: string, remedy: string): GraftError => new GraftError('train-option', what, remedy);
  checkOptions(trainOptions(options));
  if (data.modelContent !== content) {
    throw new GraftError(
      'worker-data-model',
      `${data.name} was prepared for another model than ${info.name}.`,
      'Open the data again.',
    );
  }
  const longest = data.places.reduce((length, { row }) => Math.max(length, row.ids.length), 0);
  if (longest > options.maxLength) {
    throw wrong(
      `The run takes rows of at most ${options.maxLength} tokens, and the longest row has ${longest}.`,
      'Prepare the data with the same length.',
    );
  }
  if (options.evalEvery > 0 && rowsOf(data, 'validation').length === 0)
    throw wrong(
      `The run should evaluate every ${options.evalEvery} steps, and no rows are held out for validation.`,
      'Split a validation part off, or choose 0.',
    );
  if (!(Number.isInteger(options.sampleEvery) && options.sampleEvery >= 0))
    throw wrong(
      `The setting sampleEvery is ${options.sampleEvery}.`,
      'Choose a whole number, 0 for no samples.',
    );
  if (options.sampleEvery > 0) {
    const { length } = promptOf(tokenizer, options.samplePrompt);
    if (length === 0 || length + SAMPLE_TOKENS > info.maxPositions)
      throw wrong(
        `The sample prompt has ${length} tokens.`,
        `Choose one of 1 to ${info.maxPositions - SAMPLE_TOKENS} tokens, or no samples.`,
      );
  }
}

/** The command that trains the same adapter on the same rows: read alike, split alike. */
export function headlessCommand(
  options: RunOptions,
  { name, path = name, heldOut, more = [], options: data }: DataSet,
  model: OpenModel,
): string {
  const { source } = model;
  const flags: Flag[] = [
    ['model', source.bundled ? `public/models/${source.name}` : source.name],
    ['data', path],
    ...fileFlags(heldOut, more),
    ...readFlags(data),
    ['out', `out/${fileNameOf(options.name)}`],
    ['steps', options.steps],
    ['batch', options.batch],
    ['accumulate', options.accumulate],
    ['max-length', options.maxLength],
    ['lr', options.lr],
    ['schedule', options.schedule],
    ['warmup', options.warmup],
    ['weight-decay', options.weightDecay],
    ['clip', options.clip],
    ['rank', options.rank],
    ['alpha', options.alpha],
    ['dropout', options.dropout],
    ['targets', options.targets.join(',')],
    ['rslora', options.rsLora],
    ['lr-ratio', options.rateRatio],
    ['seed', options.seed],
    ['packing', options.packing],
    ['checkpointing', options.checkpointing],
    ['overlong', data?.overlong ?? 'truncate-end'],
    ['val-fraction', data?.validation ?? 0],
    ['test-fraction', data?.test ?? 0],
    ['split-seed', data?.seed ?? options.seed],
    ['eval-every', options.evalEvery],
    ['patience', options.patience],
    ['precision', model.info.precision],
    ...weightFlags(source.baseWeights),
  ];
  const words = flags
    .filter(([, value]) => value !== false)
    .flatMap(([flag, value]) => {
      if (value === true) return [`--${flag}`];
      const word = shellWord(String(value));
      // What begins with a hyphen would be taken for a flag.
      return word.startsWith("'-") || word.startsWith('-') ? [`--${flag}=${word}`] : [`--${flag}`, word];
    });
  return ['npx', 'graft', 'train', ...words].join(' ');
}

type Flag = [name: string, value: string | number | boolean];

/** How the base is held, where that is not as stored. */
function weightFlags(choices: WeightChoices | undefined): Flag[] {
  if (!choices || sameChoices(choices)) return [];
  return [
    ['base-weights', choices.matrices],
    ['embedding-weights', choices.embeddings ?? false],
  ];
}

/** The other files, and what is left out. */
function fileFlags(heldOut: FilePlace | undefined, more: readonly FilePlace[]): Flag[] {
  const pathOf = ({ name, path = name }: FilePlace): string => path;
  const flags: Flag[] = [];
  if (more.length > 0)
    flags.push(['more-data', more.map((file) => pathOf(file).replaceAll(',', '\\,')).join(',')]);
  if (heldOut) flags.push(['test-data', pathOf(heldOut)]);
  return flags;
}

/** How the file is read, where that is not told by its looks. */
function readFlags({ mapping, header, delimiter, skip, dropCopies }: Partial<DataOptions> = {}): Flag[] {
  const flags: Flag[] = Object.entries(mapping ?? {}).map(([name, template]: [string, string]) => [
    `${name}-template`,
    template,
  ]);
  if (header !== undefined) flags.push(['header', header ? 'yes' : 'no']);
  if (delimiter !== undefined) flags.push(['delimiter', delimiter === '\t' ? 'tab' : delimiter]);
  const skipped = writeSkipped(skip ?? []);
  if (skipped !== '') flags.push(['skip-rows', skipped]);
  if (dropCopies === true) flags.push(['drop-duplicates', true]);
  return flags;
}
