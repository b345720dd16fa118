/** `graft convert`: rows of any format as JSONL or Parquet in a format that needs no mapping. */
import { extname } from 'node:path';
import { FILE_FORMATS, ROW_FORMS, writeRows } from '../data/write-rows.ts';
import { GraftError } from '../errors.ts';
import { openBytes, writeWhole } from './files.ts';
import { Flags, type FlagSpecs } from './flags.ts';
import { readNamed } from './open-rows.ts';
import { checkOutput } from './output-path.ts';
import type { Output } from './output.ts';
import { dataFlags, readReadOptions } from './row-flags.ts';
import { modelFlags } from './session.ts';
import { readTasks } from './task-files.ts';
import { oneFile } from './zip-files.ts';

export const convertFlags = {
  ...dataFlags,
  out: { value: 'FILE', help: 'the file to write: its ending, .jsonl or .parquet, says which' },
  form: {
    value: 'FORM',
    help: 'own (as the rows are), messages (prompt and completion become a conversation) or completion (a conversation becomes prompt and completion) (default own)',
  },
  help: modelFlags.help,
} as const satisfies FlagSpecs;

/** @throws GraftError as `readExamples`, `export-mixed`, `arguments`, `file-write` */
export async function convertCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = new Flags(convertFlags, args);
  const data = flags.required('data');
  const out = flags.required('out');
  const form = flags.choice('form', ROW_FORMS) ?? 'own';
  const ending = extname(out).slice(1).toLowerCase();
  const format = FILE_FORMATS.find((known) => known === ending);
  if (!format)
    throw new GraftError(
      'arguments',
      `--out ${out} is neither .jsonl nor .parquet.`,
      'Give the file one of these endings.',
    );
  if (readTasks(data).length > 1)
    throw new GraftError(
      'arguments',
      'graft convert reads one file.',
      'Convert each file of --data in a call.',
    );
  const path = await oneFile(readTasks(data)[0].path, output);
  checkOutput('--out', out, [{ what: 'the data', path }]);
  const how = { ...readReadOptions(flags), fileName: path, keepsColumns: true };
  const { read } = await readNamed(path, await openBytes(path), how, output);
  if (read.unmapped) throw read.unmapped;
  for (const { line, reason } of read.problems.slice(0, 3))
    output.line(`Left out: ${read.numbering} ${line}: ${reason}`);
  if (read.problemCount > 3) output.line(`Left out: ${read.problemCount - 3} more rows`);
  const pieces = [...writeRows(read.examples, format, form)];
  await writeWhole(
    out,
    Buffer.concat(pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece) : piece))),
  );
  output.clear();
  output.line(`${read.examples.length} rows`);
  output.result(`${out}\n`);
}
