/** The run that flags and recipe ask for, before anything is loaded on a device: what `graft plan` plans and `graft recipe` prints is what `graft train` runs. */
import { addedTokens } from '../adapters/tokens/tokens.ts';
import { tokenizerWithTokens } from '../export/grown-folder.ts';
import { readPeft, type AdapterData } from '../export/peft.ts';
import { parametersOf, readModel, type ModelDefinition } from '../model/family.ts';
import { checkLastLayers } from '../model/trained-part.ts';
import { objectiveOf } from '../objectives/registry.ts';
import { rowsFor } from '../runs/asked-rows.ts';
import { withReference } from '../runs/trainable.ts';
import { newTokens, type NewTokens } from '../text/added-tokens.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import {
  checkOptions,
  optionsFor,
  trainOptionsOf,
  withAdapter,
  withUsualTargets,
  type TrainOptions,
} from '../train/options.ts';
import type { FileSet } from '../weights/bytes.ts';
import { checkReading } from './file-kinds.ts';
import { folder, modelOf, openBytes } from './files.ts';
import type { Output } from './output.ts';
import { requiredTokenizer, tokenizerOf, tokenizerOfAdapter } from './session.ts';
import { makeRunRows, readRunFiles, type RunRows } from './train-data.ts';
import {
  checkLength,
  checkOverlap,
  readDataOptions,
  readGiven,
  startKind,
  type TrainFlags,
} from './train-flags.ts';

export interface AskedRun {
  readonly files: FileSet;
  readonly definition: ModelDefinition;
  readonly options: TrainOptions;
  /** The adapter that it starts from. */
  readonly start?: AdapterData;
  /** Its rows, if the call names a file. */
  readonly rows?: Pick<RunRows, 'train' | 'validation'>;
}

/** @throws GraftError as `graft train` before it loads the model */
export async function readAskedRun(flags: TrainFlags, output: Output): Promise<AskedRun> {
  const given = readGiven(flags, await startKind(flags));
  const chosen = trainOptionsOf(given);
  const files = await modelOf(flags.required('model'));
  const definition = await readModel(files);
  const { shape } = definition;
  if (flags.isGiven('max-length')) checkLength(chosen.maxLength, shape);
  checkLastLayers(shape, chosen);
  const maxLength = Math.min(chosen.maxLength, shape.maxPositions);
  const path = flags.text('init-adapter');
  const start = path === undefined ? undefined : await readPeft(folder(path), definition);
  const hasTokenizer = files.list().includes('tokenizer.json');
  const { added, tokenizer } = hasTokenizer
    ? await newTokensOf(flags, chosen, { files, base: await tokenizerOf(files), start })
    : {};
  const rows = flags.isGiven('data')
    ? await rowsOf(
        flags,
        { chosen, maxLength, tokenizer, vocabulary: vocabularyOf(definition, added) },
        output,
      )
    : undefined;
  const about = {
    parameters: parametersOf(definition),
    ...(rows && { rows: rows.train.length }),
    validation: rows ? rows.validation.length : Math.ceil(flags.number('val-fraction') ?? 0),
  };
  const asked = withTokens({ ...optionsFor(given, about), maxLength }, flags, added);
  checkOptions(asked);
  const suited = withUsualTargets(asked, definition);
  const dropout = flags.number('dropout');
  const started = start ? withAdapter(suited, start.config) : suited;
  const options = withReference(
    dropout === undefined ? started : { ...started, lora: { ...started.lora, dropout } },
    start !== undefined,
  );
  return { files, definition, options, ...(start && { start }), ...(rows && { rows }) };
}

async function rowsOf(
  flags: TrainFlags,
  {
    chosen,
    maxLength,
    tokenizer,
    vocabulary,
  }: {
    readonly chosen: TrainOptions;
    readonly maxLength: number;
    readonly tokenizer: Tokenizer | undefined;
    readonly vocabulary: number;
  },
  output: Output,
): Promise<Pick<RunRows, 'train' | 'validation'>> {
  await checkReading(flags);
  const isSampled = objectiveOf(chosen.objective).rows === 'prompts';
  const data = readDataOptions(flags, chosen.seed, isSampled);
  checkOverlap(data.text?.overlap, maxLength);
  const read = await readRunFiles(await openBytes(data.read.fileName), data, output);
  const made = makeRunRows(
    read,
    tokenizer,
    { maxLength, vocabSize: vocabulary, now: new Date() },
    data,
    output,
  );
  return {
    train: rowsFor(chosen.objective, made.train, made.placed),
    validation: rowsFor(chosen.objective, made.validation, made.placed),
  };
}

/** The vocabulary of a run: that of the model, and its new tokens. */
export function vocabularyOf({ shape }: ModelDefinition, added: NewTokens | undefined): number {
  return Math.max(shape.vocabulary, added ? added.first + added.texts.length : 0);
}

/**
 * The new tokens and the tokenizer that has them: those that are asked for, or those of the adapter that the run starts from.
 *
 * @throws GraftError `add-tokens`, `tokenizer-…`, `adapter-…`
 */
export async function newTokensOf(
  flags: TrainFlags,
  { lora }: Pick<TrainOptions, 'lora'>,
  {
    files,
    base,
    start,
  }: {
    readonly files: FileSet;
    readonly base: Tokenizer | undefined;
    readonly start: Pick<AdapterData, 'modules'> | undefined;
  },
): Promise<{ readonly added?: NewTokens; readonly tokenizer?: Tokenizer }> {
  const path = flags.text('init-adapter');
  const texts = lora.addTokens ?? [];
  if (path !== undefined && start) {
    const added = addedTokens(start.modules);
    const tokenizer = await tokenizerOfAdapter(path, start, files, base);
    return { ...(added && { added }), ...(tokenizer && { tokenizer }) };
  }
  if (texts.length === 0) return base ? { tokenizer: base } : {};
  const added = newTokens(texts, base ?? (await requiredTokenizer(files)));
  return { added, tokenizer: await tokenizerWithTokens(added, files) };
}

/** The settings with the id of the first new token; an adapter that the run starts from has its own. */
export function withTokens(
  options: TrainOptions,
  flags: TrainFlags,
  added: NewTokens | undefined,
): TrainOptions {
  return added && !flags.isGiven('init-adapter')
    ? { ...options, lora: { ...options.lora, firstToken: added.first } }
    : options;
}
