/** `graft export --run`: writes a run as a folder for the program that continues it. */
import { join, resolve } from 'node:path';
import { GraftError } from '../errors.ts';
import { differences } from '../runs/graduate/counterparts.ts';
import { bytesFile, type GraduateFormat } from '../runs/graduate/graduated-run.ts';
import type { exportFlags } from './export.ts';
import { writeWhole } from './files.ts';
import type { Flags } from './flags.ts';
import { lockFolder } from './folder-lock.ts';
import { openGraduated } from './graduate.ts';
import { LINEAGE, lineageAt, writeLineage } from './lineage.ts';
import { checkOutput } from './output-path.ts';
import type { Output } from './output.ts';
import { clearFor, weightsLast } from './run-folder.ts';

/** @throws GraftError `arguments`, `graduate`, `folder-used`, `file-write` */
export async function exportRun(
  format: GraduateFormat,
  flags: Flags<typeof exportFlags>,
  output: Output,
): Promise<void> {
  const other = (['adapter', 'tuned', 'type', 'system', 'data'] as const).find((name) => flags.isGiven(name));
  if (other !== undefined)
    throw new GraftError(
      'arguments',
      `--${other} is given, and ${format.name} continues a run, which has its own adapter and rows.`,
      'Give the folder of the run by --run.',
    );
  const [path, out, model] = [flags.required('run'), flags.required('out'), flags.text('model')];
  checkOutput('--out', out, [
    { what: 'the run', path },
    { what: 'the base model', path: model },
  ]);
  const { run, stage } = await openGraduated(path, format, { model, output });
  const lineage = bytesFile(LINEAGE, writeLineage(lineageAt(stage, out)));
  const files = Object.fromEntries([...format.files(run), lineage].map((file) => [file.name, file]));
  const release = await lockFolder(out, 'graft export');
  try {
    await clearFor(out, Object.keys(files), flags.on('overwrite'));
    for (const [name, file] of Object.entries(weightsLast(files)))
      await writeWhole(join(out, name), file.read());
  } finally {
    await release();
  }
  output.line(`Wrote ${Object.keys(files).join(', ')} to ${resolve(out)}`);
  for (const difference of differences(run.spec)) output.line(`Warning: ${difference}`);
  output.line(
    `README.md there says how ${format.label} continues the run after step ${run.state.counters.step}.`,
  );
}
