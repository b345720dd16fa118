/** A cross-validation as a sweep: a run of the same settings for each fold, as many steps each, and the commands that do the same. */
import { learnerOf } from '../../adapters/learners.ts';
import { MIN_FOLDS, type Folds } from '../../data/folds.ts';
import type { RowSet } from '../../data/row-set.ts';
import { GraftError } from '../../errors.ts';
import { fileNameOf } from '../../export/folder-sink.ts';
import { checkSpec, specOf, type FormSpec } from '../../settings/spec.ts';
import { settingOf } from '../../settings/table.ts';
import type { BaseOfRun } from '../check-run.ts';
import { headlessFlags, headlessLine } from '../headless-command.ts';
import type { SweepState, SweptRun } from './record.ts';

/** More folds cost a run each and show hardly more. */
export const MAX_FOLDS = 20;

/** The settings of the runs: no row is held out for validation, so none validates or ends early. */
const settingsOfFolds = (form: FormSpec): FormSpec => ({ ...form, evalEvery: 0, patience: 0 });

/** The settings of the runs of so many folds. @throws GraftError `arguments`, `folds-model`, `folds-start`, `train-option` */
export function checkFolds(form: FormSpec, folds: number): FormSpec {
  if (!Number.isInteger(folds) || folds < MIN_FOLDS || folds > MAX_FOLDS)
    throw new GraftError(
      'arguments',
      `There would be ${folds} folds.`,
      `Choose ${MIN_FOLDS} to ${MAX_FOLDS}.`,
    );
  if (learnerOf(form).trainsModel)
    throw new GraftError(
      'folds-model',
      'Cross-validation keeps an adapter of each run, and full fine-tuning makes a model.',
      'Choose a method that trains an adapter.',
    );
  if (form.start)
    throw new GraftError(
      'folds-start',
      `The run would start from “${form.start.name}”, which may have learned the rows that a fold tests.`,
      'Start from the base model.',
    );
  const settings = settingsOfFolds(form);
  checkSpec(specOf(settings));
  return settings;
}

/** @param form as {@link checkFolds} gives it */
export function planOfFolds(form: FormSpec, { count, places }: Folds): SweepState {
  const runs = Array.from({ length: count }, (_, fold): SweptRun => ({
    id: `run-${String(fold + 1).padStart(3, '0')}`,
    // The place of a run is its fold.
    ...{ recipe: fold, settings: {}, seed: form.seed, steps: form.steps, evalEvery: 0 },
    ...{ status: 'waiting', step: 0, seconds: 0, wallSeconds: 0 },
  }));
  return {
    ...{ rows: { train: places.length, validation: 0 }, varied: [], seeds: [form.seed], runs },
    rungs: [{ recipes: count, share: 1 }],
    folds: count,
    status: 'running',
  };
}

/** Whether `graft split` sees the rows that are dealt here: it reads one file, as it is. */
function isOneFile({ changes, more, heldOut, options, entries }: RowSet): boolean {
  return (
    changes === undefined &&
    (more ?? []).length === 0 &&
    heldOut === undefined &&
    options?.dropCopies !== true &&
    entries.every(({ part, state }) => part !== undefined || state === 'bad')
  );
}

/** The commands that train and measure the same folds, a line each; '' if the rows are not those of one file. */
export function headlessFolds(
  form: FormSpec,
  folds: number,
  data: RowSet,
  base: Pick<BaseOfRun, 'source' | 'info'>,
): string {
  if (!isOneFile(data)) return '';
  const flags = headlessFlags(form, data, base);
  const flagOf = (name: Parameters<typeof settingOf>[0]): string => settingOf(name).flag ?? name;
  const only = (...names: Parameters<typeof settingOf>[0][]): typeof flags =>
    flags.filter(([flag]) => names.some((name) => flagOf(name) === flag));
  const ofSplit = (
    ['validationFraction', 'testFraction', 'splitSeed', 'stratify', 'groupBy', 'partsBy'] as const
  ).map(flagOf);
  const folder = `out/${fileNameOf(form.name)}-folds`;
  const reading = [
    'promptTemplate',
    'inputTemplate',
    'answerTemplate',
    'systemTemplate',
    'textTemplate',
  ] as const;
  const split = headlessLine('split', [
    ...only('data', ...reading, 'header', 'delimiter', 'validationFraction', 'testFraction', 'stratify'),
    ...only('groupBy').map(([, value]) => ['group', value] as const),
    ['folds', String(folds)],
    ['seed', String(data.options?.seed ?? form.seed)],
    ['out', folder],
  ]);
  // Files of a split have no header of their own.
  const dropped = [flagOf('data'), flagOf('header'), flagOf('delimiter'), 'out', ...ofSplit];
  const rest = flags.filter(([flag]) => !dropped.includes(flag));
  const model = flags.filter(([flag]) => flag === 'model');
  const each = Array.from({ length: folds }, (_, at) => {
    const fold = `${folder}/fold-${at + 1}`;
    const trained = `${folder}/run-${at + 1}`;
    return [
      headlessLine('train', [...rest, ['data', `${fold}/train.jsonl`], ['out', trained]]),
      headlessLine('evaluate', [
        ...model,
        ...only(...reading),
        // With the rows of training, so that the methods that copy one are measured too.
        ['data', `${fold}/train.jsonl`],
        ['test-data', `${fold}/test.jsonl`],
        ['adapter', trained],
        ['out', `${folder}/scores-${at + 1}`],
      ]),
    ];
  }).flat();
  const scores = headlessLine(
    'evaluate',
    Array.from(
      { length: folds },
      (_, at) => ['predictions', `${folder}/scores-${at + 1}/predictions.jsonl`] as const,
    ),
  );
  return [split, ...each, scores].join('\n');
}
