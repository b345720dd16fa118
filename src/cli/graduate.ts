/** `graft export --run`: a run as a folder in which another program continues it. The rows are made again from their files, as the run made them. */
import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { adapterConfigOf } from '../adapters/chosen.ts';
import { learnerOf } from '../adapters/learners.ts';
import { adapterShapes } from '../adapters/registry.ts';
import { GraftError } from '../errors.ts';
import { readCheckedPeft } from '../export/checked-peft.ts';
import { writePeft, type AdapterData } from '../export/peft.ts';
import { isHeld, itemOf } from '../lists.ts';
import type { LabelledTokens } from '../model/batch.ts';
import { contentOf } from '../model/content.ts';
import type { ModelDefinition } from '../model/definition.ts';
import { folderShape, openModelWeights, toFolder } from '../model/folder-layout.ts';
import { objectiveOf } from '../objectives/registry.ts';
import { rowsFor } from '../runs/asked-rows.ts';
import { changedSince, digestedAll, savedSpec } from '../runs/fingerprint.ts';
import type { GraduatedRun, GraduateFormat } from '../runs/graduate/graduated-run.ts';
import { vocabularyWith } from '../runs/new-tokens.ts';
import { readModelFor } from '../runs/run-model.ts';
import { adapterShape, specOnModel } from '../runs/trainable.ts';
import { countSteps, type RunSpec } from '../settings/spec.ts';
import { arranged } from '../train/learning.ts';
import { RowOrder } from '../train/order.ts';
import type { NamedArrays, TrainerState } from '../train/state.ts';
import type { SavedState } from '../train/state-files.ts';
import type { FileSet } from '../weights/bytes.ts';
import { readEnded } from './ended-run.ts';
import { folder, modelOf } from './files.ts';
import { Flags } from './flags.ts';
import { LINEAGE, readLineage, rowFlagsOf, type StageOfCall } from './lineage.ts';
import { openRows, type SplitRows } from './open-rows.ts';
import type { Output } from './output.ts';
import { readAskedRows } from './row-flags.ts';
import { hasSaved, openSaved, runFolderOf } from './saved-run.ts';
import { folderTokenizer } from './session.ts';
import { sha256 } from './sha256.ts';
import { trainFlags, WEIGHT_PIECES } from './train-flags.ts';
import { version } from './version.ts';

/**
 * @param path the folder of a run that is paused or has ended
 * @param model the base, if it is not where the run found it
 * @throws GraftError `graduate` for what the format cannot continue, and if the base, the rows or the state are not there any more
 */
export async function openGraduated(
  path: string,
  format: GraduateFormat,
  { model, output }: { readonly model: string | undefined; readonly output: Output },
): Promise<{ readonly run: GraduatedRun; readonly stage: StageOfCall }> {
  const { saved, stage } = await openRun(path);
  const { fingerprint, state } = saved;
  const spec = savedSpec(fingerprint);
  if (!spec)
    throw new GraftError(
      'graduate',
      `An earlier version of Graft saved the run in ${path}, without its settings.`,
      'Train it again.',
    );
  format.check(spec);
  const base = model ?? join(stage.folder, stage.model);
  const files = await modelOf(base);
  const definition = await readModelFor(objectiveOf(spec.objective), files);
  const start =
    stage.parent === undefined
      ? undefined
      : await readCheckedPeft(folder(join(stage.folder, stage.parent)), definition);
  const tokenizer = await folderTokenizer(files);
  const rows = await rowsOf(stage, spec, saved, {
    base,
    output,
    tokenizer,
    vocabulary: definition.shape.vocabulary,
  });
  const changed = changedSince(
    fingerprint,
    { rows: [rows.train, rows.validation], weights: await contentOf(files, WEIGHT_PIECES) },
    sha256,
  );
  if (changed !== undefined)
    throw new GraftError(
      'graduate',
      `The run in ${path} was trained with other data: ${changed} of ${stage.folder}/${LINEAGE} changed since, or the run had rows by --replay.`,
      'Put back the files that it was trained with.',
    );
  const options = specOnModel(spec, definition, start?.config);
  const trained = learnerOf(options).trainsModel
    ? await weightsOf(files, definition, state)
    : adapterOf(options, { definition, start, state, baseModel: basename(resolve(base)) });
  const train = arranged({ ...options }, rows.train);
  // An objective may make rows of its own of those of the file.
  const originalOf = new Map<LabelledTokens, LabelledTokens>(
    isHeld(train) && isHeld(rows.train) ? train.map((row, at) => [row, itemOf(rows.train, at)]) : [],
  );
  const order = new RowOrder(train, options);
  const run: GraduatedRun = {
    spec: options,
    ...trained,
    steps: countSteps(options, train.length),
    baseModel: basename(resolve(base)),
    ...(start && options.reference === 'start' && { reference: start.tensors }),
    rows: { train, validation: rows.validation, test: rows.test },
    exampleOf: (row) => rows.exampleOf(originalOf.get(row) ?? row),
    ...(tokenizer && { textOf: (ids: readonly number[]) => tokenizer.decode(ids) }),
    rowsOf: (step) => order.rowsOf(step),
    version: version(),
  };
  return { run, stage: { ...stage, steps: state.counters.step, trainRows: train.length } };
}

type Trained = Pick<GraduatedRun, 'state' | 'adapter' | 'shapes'>;

/** An adapter as it was trained. */
function adapterOf(
  options: RunSpec,
  {
    definition,
    start,
    state,
    baseModel,
  }: {
    readonly definition: ModelDefinition;
    readonly start: AdapterData | undefined;
    readonly state: TrainerState;
    readonly baseModel: string;
  },
): Trained {
  const config = adapterConfigOf(options);
  const { modules } = start ?? adapterShape(definition, options, state.values);
  return {
    state,
    adapter: writePeft({ config, modules, tensors: state.values }, { baseModel }),
    shapes: adapterShapes(modules),
  };
}

/** Weights of the model as they were trained, and their moments, under the names and in the layout of the base's folder. */
async function weightsOf(files: FileSet, definition: ModelDefinition, state: TrainerState): Promise<Trained> {
  const source = await openModelWeights(files, definition);
  const specs = new Map(definition.weights.map((spec) => [spec.name, spec]));
  const moved = (arrays: NamedArrays): NamedArrays =>
    new Map(
      [...arrays].map(([name, values]) => {
        const spec = specs.get(name)!;
        return [source.get(name)!.name, toFolder(spec, values)] as const;
      }),
    );
  const values = moved(state.values);
  const optimiser = new Map([...state.optimiser].map(([plane, arrays]) => [plane, moved(arrays)] as const));
  const shapes = new Map(
    [...state.values.keys()].map((name) => [source.get(name)!.name, folderShape(specs.get(name)!)] as const),
  );
  return { state: { ...state, values, optimiser }, shapes };
}

/** The last state of a run, and what it was made from. @throws GraftError `graduate`, `state-…` */
async function openRun(path: string): Promise<{ saved: SavedState; stage: StageOfCall }> {
  folder(path);
  const paused = hasSaved(path) || existsSync(join(path, 'state.json')) ? await openSaved(path) : undefined;
  const where = (paused && runFolderOf(paused)) ?? path;
  const stage = await readLineage(where);
  if (!stage)
    throw new GraftError(
      'graduate',
      `${where} has no ${LINEAGE}, which names the base and the rows of a run.`,
      'Give the folder that graft train --out named.',
    );
  if (paused) return { saved: paused.saved, stage };
  try {
    return { saved: await readEnded(path), stage };
  } catch (cause) {
    if (!(cause instanceof GraftError) || cause.code !== 'state-missing') throw cause;
    throw new GraftError(
      'graduate',
      `${path} holds a result without the state of its optimiser: runs of full fine-tuning and those of earlier versions keep none at their end.`,
      'Export its result by --adapter, or by --tuned if it is a model. Or make the run again and interrupt it (Ctrl-C) at the step from which the other program should continue.',
      { cause },
    );
  }
}

interface RowsHow {
  readonly base: string;
  readonly output: Output;
  readonly tokenizer: Awaited<ReturnType<typeof folderTokenizer>>;
  readonly vocabulary: number;
}

type Made = Pick<SplitRows, 'train' | 'validation' | 'test'> & Pick<GraduatedRun, 'exampleOf'>;

/** The rows of a run, made as it made them. */
async function rowsOf(
  stage: StageOfCall,
  spec: RunSpec,
  { fingerprint, begun }: SavedState,
  { base, output, tokenizer, vocabulary }: RowsHow,
): Promise<Made> {
  const flags = new Flags(trainFlags, [`--model=${base}`, ...rowFlagsOf(stage)]);
  const objective = objectiveOf(spec.objective);
  const opened = await openRows(
    readAskedRows(flags, spec.seed),
    tokenizer,
    {
      maxLength: spec.maxLength,
      now: begun === undefined ? new Date() : new Date(begun),
      vocabSize: vocabularyWith(vocabulary, undefined),
      encodes: 'encodes' in objective,
    },
    output,
    {
      keepsColumns: 'samples' in objective,
      samples: 'samples' in objective,
      mayTake: !digestedAll(fingerprint),
    },
  );
  const exampleOf = new Map<LabelledTokens, (typeof opened.placed)[number]['example']>(
    opened.placed.map(({ row, example }) => [row, example]),
  );
  const forObjective = (rows: typeof opened.train): typeof opened.train =>
    isHeld(rows) ? rowsFor(spec.objective, rows, opened.placed) : rows;
  return {
    train: forObjective(opened.train),
    validation: forObjective(opened.validation),
    test: opened.test,
    exampleOf: (row) => exampleOf.get(row),
  };
}
