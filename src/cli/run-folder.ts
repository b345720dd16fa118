/** The files that a command wrote to a folder, and whether another result may be written there. */
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { GraftError, messageOf } from '../errors.ts';
import { METRICS } from './metrics-log.ts';
import { COMPANIONS } from '../weights/companions.ts';
import { findSaved, forgetSaved, runFolderOf, type SavedRun } from './saved-run.ts';

const ADAPTER_CONFIG = 'adapter_config.json';
/** Files of weights, which complete a result: they are written last and removed first. */
const WEIGHTS = /^(adapter_model|adapters|delta|model|pytorch_model)(-\d+-of-\d+)?\.(safetensors|bin)$/;
/** The rest of a result. */
const BESIDE = new Set([
  ADAPTER_CONFIG,
  'README.md',
  'lineage.json',
  'forgetting.json',
  'model.safetensors.index.json',
  'pytorch_model.bin.index.json',
  ...COMPANIONS,
]);

/** What `graft evaluate` writes. */
export const PREDICTIONS = 'predictions.jsonl';
export const REPORT = 'report.json';

/** The files of an evaluation, if both are there: one alone may be another program's. */
function evaluationIn(names: readonly string[]): readonly string[] {
  const files = [PREDICTIONS, REPORT];
  return files.every((name) => names.includes(name)) ? files : [];
}

/** Files in the order in which they should be written: weights last. */
export function weightsLast<File>(files: Readonly<Record<string, File>>): Record<string, File> {
  const entries = Object.entries(files);
  return Object.fromEntries([
    ...entries.filter(([name]) => !WEIGHTS.test(name)),
    ...entries.filter(([name]) => WEIGHTS.test(name)),
  ]);
}

interface Claim {
  /** Whether the content of the folder may be replaced. */
  readonly overwrite: boolean;
  /** The state that the new run resumes from. */
  readonly resumed?: SavedRun;
  /** Whether a model that no training run wrote may be replaced: `graft merge` writes such models. */
  readonly models?: boolean;
}

/**
 * Refuses a folder if its result or saved run would be lost or mixed with another.
 *
 * @throws GraftError `folder-used`
 */
export async function checkFree(out: string, { overwrite, resumed, models = false }: Claim): Promise<void> {
  const names = existsSync(out) ? readdirSync(out) : [];
  const weights = names.find((name) => WEIGHTS.test(name));
  const ofRun = names.includes(METRICS);
  const used = (what: string, remedy: string): GraftError => new GraftError('folder-used', what, remedy);
  if (weights !== undefined && !models && !ofRun && !names.includes(ADAPTER_CONFIG))
    throw used(
      `${out} holds a model (${weights}) that no training run wrote.`,
      'Choose another folder: this one is not overwritten.',
    );
  if (overwrite || (resumed && (await belongs(out, resumed)))) return;
  const saved = await findSaved(out);
  if (saved) {
    const { step, steps } = saved.saved.state.counters;
    throw used(
      `${out} holds a run that was interrupted after step ${step} of ${steps}.`,
      `Go on with it by --resume ${out}, choose another folder, or discard it with --overwrite.`,
    );
  }
  const [evaluation] = evaluationIn(names);
  const result = weights ?? (ofRun ? undefined : names.find((name) => BESIDE.has(name))) ?? evaluation;
  if (result !== undefined)
    throw used(
      `${out} holds ${weights === undefined ? result : `a finished result (${result})`}, which would be overwritten.`,
      'Choose another folder, or replace what is there with --overwrite.',
    );
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
 * Removes what a command wrote to a folder, in an order in which a crash leaves an old result beside its own metrics or no result at all. An
 * evaluation goes too, since it is of what was there.
 *
 * @param resumed whether states and metrics stay, since a run continues from them
 * @throws GraftError `file-write`
 */
export async function discard(out: string, { resumed = false } = {}): Promise<void> {
  const names = existsSync(out) ? readdirSync(out) : [];
  const weights = names.filter((name) => WEIGHTS.test(name));
  const beside =
    weights.length > 0 || names.includes(METRICS) ? names.filter((name) => BESIDE.has(name)) : [];
  const remove = async (name: string): Promise<void> => {
    try {
      await rm(join(out, name), { force: true });
    } catch (cause) {
      throw new GraftError(
        'file-write',
        `${join(out, name)} could not be removed: ${messageOf(cause)}.`,
        'Check the permissions, or choose another folder.',
        { cause },
      );
    }
  };
  for (const name of [...evaluationIn(names), ...weights, ...beside]) await remove(name);
  if (resumed) return;
  await forgetSaved(out);
  await remove(METRICS);
}
