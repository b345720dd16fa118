/** Deltas of the command: `graft export --format delta` writes one, `graft merge --delta` makes the tuned model from it. */
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DELTA, deltaFile, tunedFromDelta } from '../export/delta.ts';
import { companionsOf } from '../export/model-folder.ts';
import { file, modelOf, writeWhole } from './files.ts';
import { lockFolder } from './folder-lock.ts';
import { copyCompanions } from './model-folder.ts';
import { checkOutput } from './output-path.ts';
import { formatBytes, type Output } from './output.ts';
import { clearFor } from './run-folder.ts';

interface DeltaCall {
  /** Paths as they were given. */
  readonly model: string;
  readonly out: string;
  readonly overwrite: boolean;
  readonly output: Output;
}

/** Writes a model that was tuned from the base as the tensors that differ. @throws GraftError `delta-base`, `folder-used`, `file-…` */
export async function exportDelta(
  tuned: string,
  { model, out, overwrite, output }: DeltaCall,
): Promise<void> {
  checkOutput('--out', out, [
    { what: 'the base model', path: model },
    { what: 'the tuned model', path: tuned },
  ]);
  const delta = await deltaFile(await modelOf(model), await modelOf(tuned));
  const release = await lockFolder(out, 'graft export');
  try {
    await clearFor(out, [delta.name], overwrite);
    await writeWhole(join(out, delta.name), delta.read());
  } finally {
    await release();
  }
  output.line(`Wrote ${delta.name} (${formatBytes(delta.size)}) to ${resolve(out)}`);
}

/** Makes the model again from its base and the delta. @throws GraftError `delta-base`, `delta-file`, `folder-used`, `file-…` */
export async function mergeDelta(delta: string, { model, out, overwrite, output }: DeltaCall): Promise<void> {
  checkOutput('--out', out, [
    { what: 'the base model', path: model },
    { what: 'the delta', path: delta },
  ]);
  const base = await modelOf(model);
  const path = (await isFolder(delta)) ? join(delta, DELTA) : delta;
  const { file: weights, tensors } = await tunedFromDelta(base, file(path));
  const release = await lockFolder(out, 'graft merge');
  try {
    const copied = (await companionsOf(base)).map(({ name }) => name);
    await clearFor(out, [...copied, weights.name], overwrite);
    await copyCompanions(base, out);
    // Last: the folder counts as a result once they are there.
    await writeWhole(join(out, weights.name), weights.read());
  } finally {
    await release();
  }
  output.line(`Put ${tensors} tensors of the delta into ${resolve(out)}`);
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    // A missing file is reported when it is opened.
    return false;
  }
}
