/** Whether a result may be written to a folder, and what makes room for it there. */
import { learnerOf } from '../adapters/learners.ts';
import { existsSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { EVALUATION_FILE } from '../evaluate/record-file.ts';
import { PREDICTIONS, REPORT, REPORT_PAGE } from '../evaluate/report-files.ts';
import { GraftError } from '../errors.ts';
import { PART } from './files.ts';
import { METRICS } from './metrics-log.ts';
import { claimFiles, LIST, namesIn, ownFiles, removeFiles } from './own-files.ts';
import { COMPANIONS } from '../weights/companions.ts';
import {
  findSaved,
  forgetSaved,
  hasSaved,
  otherInStates,
  runFolderOf,
  STATE,
  type SavedRun,
} from './saved-run.ts';

const ADAPTER_CONFIG = 'adapter_config.json';
const LINEAGE = 'lineage.json';
/** Files of weights, which complete a result: they are written last and removed first. */
const WEIGHTS = /^(adapter_model|adapters|delta|model|pytorch_model)(-\d+-of-\d+)?\.(safetensors|bin)$/;
/** Weights for llama.cpp and onnxruntime: a result that is not replaced unasked. */
const CONVERTED = /\.(gguf|onnx)$/;
/** Files by which a folder is read as other weights than those that are written to it. */
const LEADS = new Set([ADAPTER_CONFIG, 'model.safetensors.index.json', 'pytorch_model.bin.index.json']);
/** The rest of a result. */
const BESIDE = new Set([...LEADS, 'README.md', LINEAGE, 'forgetting.json', ...COMPANIONS]);

/** What `graft evaluate` writes. */
export const EVALUATION = [PREDICTIONS, REPORT, EVALUATION_FILE, REPORT_PAGE];

/** What an adapter is written as. */
const ADAPTER = [ADAPTER_CONFIG, 'README.md', LINEAGE, 'adapter_model.safetensors'];

/** What a run replaces with --overwrite: its log and its adapter. A model that Graft did not write is never replaced by a run. */
export const runWrites = (method: string): readonly string[] =>
  learnerOf({ method }).trainsModel ? [METRICS] : [METRICS, ...ADAPTER];

/** Whether a folder holds a whole result of Graft: its weights are written last. */
export const hasResult = (out: string): boolean =>
  existsSync(out) && [...ownFiles(out)].some((name) => WEIGHTS.test(name) && existsSync(join(out, name)));

/** Files in the order in which they should be written: weights last. */
export function weightsLast<File>(files: Readonly<Record<string, File>>): Record<string, File> {
  const entries = Object.entries(files);
  return Object.fromEntries([
    ...entries.filter(([name]) => !WEIGHTS.test(name)),
    ...entries.filter(([name]) => WEIGHTS.test(name)),
  ]);
}

/** What a command asks of a folder. */
interface Claim {
  /** Whether what is there may be replaced: Graft's own files, and those of others that the command writes itself. */
  readonly overwrite: boolean;
  /** The names that it writes. */
  readonly writes: readonly string[];
  /** The state that the new run resumes from. */
  readonly resumed?: SavedRun | undefined;
  /** Whether a result of Graft's own may be replaced unasked. */
  readonly again?: boolean;
}

/**
 * Refuses a folder if a result, a saved run or a file of others would be lost or mixed with the new result.
 *
 * @throws GraftError `folder-used`
 */
export async function checkFree(
  out: string,
  { overwrite, writes, resumed, again = false }: Claim,
): Promise<void> {
  const names = namesIn(out);
  const own = ownFiles(out);
  const used = (what: string, remedy: string): GraftError => new GraftError('folder-used', what, remedy);
  const foreign = otherInStates(out);
  if (foreign !== undefined)
    throw used(
      `${foreign} is where Graft keeps and replaces the saved state of a run, and Graft did not write it.`,
      'Move it away, or choose another folder.',
    );
  const others = names.filter((name) => !own.has(name));
  const weights = others.find(
    (name) => (WEIGHTS.test(name) || LEADS.has(name)) && !(overwrite && writes.includes(name)),
  );
  if (overwrite && weights !== undefined)
    throw used(
      `${out} holds ${weights}, which Graft did not write (${LIST} does not list it).`,
      'Choose another folder: this one is not overwritten.',
    );
  if (overwrite) return;

  const continues = resumed !== undefined && (await belongs(out, resumed));
  const saved = continues ? undefined : await findSaved(out);
  if (saved) {
    const { step, steps } = saved.saved.state.counters;
    throw used(
      `${out} holds a run that was interrupted after step ${step} of ${steps}.`,
      `Continue it with --resume ${out}, choose another folder, or discard it with --overwrite.`,
    );
  }
  const other =
    weights ??
    others.find((name) => BESIDE.has(name) || name === LIST || (!continues && name === METRICS)) ??
    others.find((name) => writes.includes(name) && !(continues && name === METRICS));
  if (other !== undefined)
    throw used(
      `${out} holds ${other}, which Graft did not write (${LIST} does not list it) and which would be overwritten or mixed with the result.`,
      `Choose another folder, or replace files of the same names with --overwrite.`,
    );
  if (continues || again) return;
  if (hasSaved(out))
    throw used(
      `${out} holds the saved state of a run, and it is damaged.`,
      'Choose another folder, or discard it with --overwrite.',
    );
  // A log without weights is of a run that saved nothing.
  const finished = (name: string): boolean => WEIGHTS.test(name) || CONVERTED.test(name);
  const result = names.find((name) => own.has(name) && (finished(name) || EVALUATION.includes(name)));
  if (result !== undefined)
    throw used(
      `${out} holds ${finished(result) ? `a finished result (${result})` : result}, which would be overwritten.`,
      'Choose another folder, or replace what is there with --overwrite.',
    );
}

/** Makes room in a folder for a result of these files, and lists them there. @throws GraftError `folder-used`, `file-write` */
export async function clearFor(out: string, writes: readonly string[], overwrite: boolean): Promise<void> {
  const claim = { overwrite, writes };
  await checkFree(out, claim);
  await discard(out, claim);
  await claimFiles(out, writes, claim);
}

/** Whether a folder belongs to a resumed run: it was saved there, or an older state of it is there. */
export async function belongs(out: string, resumed: SavedRun): Promise<boolean> {
  if (!existsSync(out)) return false;
  const own = runFolderOf(resumed);
  if (own !== undefined && realpathSync(own) === realpathSync(out)) return true;
  const saved = await findSaved(out);
  return saved?.saved.fingerprint === resumed.saved.fingerprint && saved.saved.begun === resumed.saved.begun;
}

/**
 * Removes what Graft wrote to a folder that {@link checkFree} has passed, and with `overwrite` the files of others that the command replaces. The
 * order leaves an old result next to its own metrics or no result at all, if it is cut short. An evaluation goes too, since it is of what was there.
 *
 * @param resumed whether states and metrics stay, since a run continues from them
 * @throws GraftError `file-write`
 */
export async function discard(
  out: string,
  { overwrite, writes }: Pick<Claim, 'overwrite' | 'writes'>,
  { resumed = false } = {},
): Promise<void> {
  const own = ownFiles(out);
  const there = namesIn(out);
  const going = there.filter((name) => own.has(name) || (overwrite && writes.includes(name)));
  const last = [METRICS, STATE, LIST];
  const rest = going.filter((name) => !EVALUATION.includes(name) && !last.includes(name));
  const cutShort = [LIST, ...own].filter((name) => name !== STATE).map((name) => `${name}${PART}`);
  await removeFiles(out, [
    ...there.filter((name) => cutShort.includes(name)),
    ...going.filter((name) => EVALUATION.includes(name)),
    ...rest.filter((name) => WEIGHTS.test(name)),
    ...rest.filter((name) => !WEIGHTS.test(name)),
  ]);
  if (resumed) return;
  await forgetSaved(out);
  if (going.includes(METRICS)) await removeFiles(out, [METRICS]);
}
