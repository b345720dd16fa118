/** The run that flags and recipe ask for, before anything is loaded on a device: what `graft plan` plans and `graft recipe` prints is what `graft train` runs. */
import { adapterOf } from '../adapters/chosen.ts';
import { kindOf } from '../adapters/registry.ts';
import { GraftError } from '../errors.ts';
import { tokenizerWithTokens } from '../export/grown-folder.ts';
import { readCheckedPeft } from '../export/checked-peft.ts';
import type { AdapterData } from '../export/peft.ts';
import { isHeld } from '../lists.ts';
import { parametersOf, type ModelDefinition } from '../model/definition.ts';
import { checkLastLayers } from '../model/trained-part.ts';
import type { Objective } from '../objectives/objective.ts';
import { objectiveOf } from '../objectives/registry.ts';
import { rowsFor } from '../runs/asked-rows.ts';
import { tokensOfRun, vocabularyWith, withTokens } from '../runs/new-tokens.ts';
import { checkEncoder, longestOf, readModelFor } from '../runs/run-model.ts';
import { specOnModel } from '../runs/trainable.ts';
import { checkSpec, specFor, specOf, type RunSpec } from '../settings/spec.ts';
import type { Given } from '../settings/setting.ts';
import type { NewTokens } from '../text/added-tokens.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { FileSet } from '../weights/bytes.ts';
import { checkReading } from './file-kinds.ts';
import { folder, modelOf } from './files.ts';
import { openRows, type SplitRows } from './open-rows.ts';
import type { Output } from './output.ts';
import { reportData } from './report-data.ts';
import { readAskedRows, type AskedRows } from './row-flags.ts';
import { requiredTokenizer, folderTokenizer, tokenizerOfAdapter } from './session.ts';
import { checkLength, checkOverlap, type TrainFlags } from './train-flags.ts';

export interface AskedRun {
  readonly files: FileSet;
  readonly definition: ModelDefinition;
  readonly spec: RunSpec;
  /** The adapter that it starts from. */
  readonly start?: AdapterData;
  readonly tokens: TokensOfRun;
  /** Its rows and their files, if the call names one. */
  readonly rows?: SplitRows;
  readonly asked?: AskedRows;
}

/** The tokenizers of a run. A model folder without one trains token rows. */
interface TokensOfRun {
  readonly base?: Tokenizer;
  /** With the new tokens. */
  readonly tokenizer?: Tokenizer;
  readonly added?: NewTokens;
}

/** What decides about the rows besides flags and recipe. */
interface AskedHow {
  /** The date for chat templates that ask for it. */
  readonly now?: Date;
  /** Whether the rows are reported, and an empty file is refused. */
  readonly reports?: boolean;
  /** Whether the data is hashed while it is read. */
  readonly hashes?: boolean;
  /** A run that was saved, whose layers were checked when it began; and whether its rows may be made as they are taken. */
  readonly resumed?: { readonly mayTake: boolean };
}

const nothingToEvaluate = (remedy: string): GraftError =>
  new GraftError('arguments', '--eval-every needs rows to evaluate on.', remedy);

/** @param given of `readGiven` @throws GraftError as `graft train` before it loads the model */
export async function readAskedRun(
  flags: TrainFlags,
  given: Given,
  output: Output,
  { now = new Date(), reports = false, hashes = false, resumed }: AskedHow = {},
): Promise<AskedRun> {
  const chosen = specOf(given);
  const files = await modelOf(flags.required('model'));
  const objective: Objective = objectiveOf(chosen.objective);
  checkEncoder(objective, chosen);
  const definition = await readModelFor(objective, files);
  const { shape } = definition;
  if (flags.isGiven('max-length')) checkLength(chosen.maxLength, shape);
  if (!resumed) checkLastLayers(shape, chosen);
  const max = flags.isGiven('max-length') ? shape.maxPositions : await longestOf(definition, files);
  const maxLength = Math.min(chosen.maxLength, max);
  const path = flags.text('init-adapter');
  const start = path === undefined ? undefined : await readCheckedPeft(folder(path), definition);
  const reads = flags.isGiven('data');
  const tokens = await tokensFor(chosen, { files, path, start, reads });
  const isSampled = objective.samples === true;
  let rows: SplitRows | undefined;
  let asked: AskedRows | undefined;
  if (reads) {
    await checkReading(flags);
    asked = readAskedRows(flags, chosen.seed);
    checkOverlap(asked.options.text?.overlap, maxLength);
    const { validation, fair } = asked.options;
    const validates = chosen.evalEvery > 0;
    if (validates && validation === 0 && fair?.parts === undefined)
      throw nothingToEvaluate('Give --val-fraction too.');
    const limits = {
      ...{ maxLength, now },
      vocabSize: vocabularyWith(shape.vocabulary, tokens.added),
      encodes: objective.encodes,
    };
    const made = await openRows(asked, tokens.tokenizer, limits, output, {
      keepsColumns: isSampled,
      samples: isSampled,
      ...(hashes && { hashes }),
      mayTake: (resumed?.mayTake ?? true) && takesRows(chosen),
    });
    if (reports) reportData(output, made.report);
    if (validates && fair?.parts !== undefined && made.validation.length === 0)
      throw nothingToEvaluate(`Write validation in the column ${fair.parts} of some rows.`);
    const forObjective = (some: SplitRows['train']): SplitRows['train'] =>
      isHeld(some) ? rowsFor(chosen.objective, some, made.placed) : some;
    rows = { ...made, train: forObjective(made.train), validation: forObjective(made.validation) };
  }
  const about = {
    parameters: parametersOf(definition),
    ...(rows && { rows: rows.train.length }),
    validation: rows ? rows.validation.length : Math.ceil(flags.number('val-fraction') ?? 0),
  };
  const spec = withTokens({ ...specFor(given, about), maxLength }, start ? undefined : tokens.added);
  checkSpec(spec);
  const own = start && kindOf(start.config).settings(start.config)['dropout'];
  const dropout = typeof own === 'number' ? own : 0;
  return {
    ...{ files, definition, tokens },
    spec: specOnModel(
      start && given['dropout'] === undefined ? { ...spec, dropout } : spec,
      definition,
      start?.config,
    ),
    ...(start && { start }),
    ...(rows && { rows, asked }),
  };
}

/** Whether a run needs no row before it takes it: no adapter that starts from rows, no encoder. */
function takesRows(spec: RunSpec): boolean {
  const fromRows = adapterOf(spec)?.kind.fromRows !== undefined;
  const { encodes }: Objective = objectiveOf(spec.objective);
  return encodes !== true && !fromRows;
}

/**
 * The new tokens, and the tokenizer that has them: those that are chosen, or those of the adapter that the run starts from.
 *
 * @throws GraftError `add-tokens`, `tokenizer-…`, `adapter-…`
 */
async function tokensFor(
  chosen: RunSpec,
  {
    files,
    path,
    start,
    reads,
  }: {
    readonly files: FileSet;
    readonly path: string | undefined;
    readonly start: AdapterData | undefined;
    /** Whether there are rows. Memory is also planned without a tokenizer. */
    readonly reads: boolean;
  },
): Promise<TokensOfRun> {
  const needed = reads && !start && chosen.addTokens !== undefined;
  const base = needed ? await requiredTokenizer(files) : await folderTokenizer(files);
  const added = tokensOfRun(chosen, base, start);
  const tokenizer =
    path !== undefined && start
      ? await tokenizerOfAdapter(path, start, files, base)
      : added
        ? await tokenizerWithTokens(added, files)
        : base;
  return { ...(base && { base }), ...(tokenizer && { tokenizer }), ...(added && { added }) };
}
