/** The check of a run of the page before anything of it is compiled. */
import { plannedAdapter } from '../adapters/learners.ts';
import { asRowsAsk } from '../data/questions.ts';
import { onlyTask, placesOf, shapeOfRow, type RowSet } from '../data/row-set.ts';
import { GraftError } from '../errors.ts';
import { promptOf } from '../evaluate/answer.ts';
import { checkLastLayers } from '../model/trained-part.ts';
import { roomFor } from '../model/virtual-tokens.ts';
import type { WeightChoices } from '../model/weight-types.ts';
import { objectiveOf } from '../objectives/registry.ts';
import { checkSpec, specOf, type FormSpec } from '../settings/spec.ts';
import { settingOf } from '../settings/table.ts';
import { allowed, isAllowed } from '../settings/values.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { checkKind, kindOfRow } from '../train/learning.ts';
import { checkStart } from './trainable.ts';

/** The open base model, as far as the settings of a run depend on it. */
export interface BaseOfRun {
  readonly source: { readonly name: string; readonly bundled: boolean; readonly baseWeights?: WeightChoices };
  readonly info: {
    readonly name: string;
    readonly precision: 'f32' | 'f16';
    readonly maxPositions: number;
    readonly layers: number;
  };
  readonly tokenizer: Tokenizer;
  /** Identifies its content: rows belong to it. */
  readonly content: string;
}

/** The most tokens of a sample answer. */
export const SAMPLE_TOKENS = 48;

/**
 * Refuses impossible settings before anything is compiled.
 *
 * @throws GraftError `train-option`, `train-rows`, `worker-data-model`
 */
export function checkRun(
  options: FormSpec,
  data: RowSet,
  { content, tokenizer, info }: Omit<BaseOfRun, 'source'>,
): void {
  const wrong = (what: string, remedy: string): GraftError => new GraftError('train-option', what, remedy);
  checkSpec(specOf(options));
  checkStart(specOf(options), options.start !== undefined);
  checkLastLayers(info, specOf(options));
  if (data.modelContent !== content) {
    throw new GraftError(
      'worker-data-model',
      `${data.name} was prepared for another model than ${info.name}.`,
      'Open the data again.',
    );
  }
  const shapes = data.places.map((place) => shapeOfRow(place)!);
  for (const shape of shapes) checkKind(objectiveOf(options.objective), kindOfRow(shape));
  const longest = shapes.reduce((length, { longest: own }) => Math.max(length, own), 0);
  if (longest > options.maxLength) {
    throw wrong(
      `The run takes rows of at most ${options.maxLength} tokens, but a row has ${longest}.`,
      'Prepare the data with the same length.',
    );
  }
  const own = onlyTask(data, options.task);
  if (placesOf(own, 'train').length === 0)
    throw wrong(
      `No row belongs to the task ${options.task ?? ''}.`,
      'Choose a task of the open rows, or all of them.',
    );
  if (options.evalEvery > 0 && placesOf(own, 'validation').length === 0)
    throw wrong(
      `The run should evaluate every ${options.evalEvery} steps, and no rows are held out for validation.`,
      'Split a validation part off, or choose 0.',
    );
  const sampling = settingOf('sampleEvery');
  if (!isAllowed(sampling, options.sampleEvery))
    throw wrong(`The setting sampleEvery is ${options.sampleEvery}.`, `Choose ${allowed(sampling)}.`);
  if (options.sampleEvery > 0) {
    const { length } = promptOf(tokenizer, asRowsAsk(data, options.samplePrompt, tokenizer));
    const max = roomFor(info.maxPositions, plannedAdapter(options)) - SAMPLE_TOKENS;
    if (length === 0 || length > max)
      throw wrong(
        `The sample prompt has ${length} tokens.`,
        `Choose one of 1 to ${max} tokens, or no samples.`,
      );
  }
}
