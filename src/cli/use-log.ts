/** `graft log`: what a log of real use says next to the training rows; and rows of what went wrong. */
import { ExampleReader } from '../data/formats.ts';
import { questionsOf } from '../data/questions.ts';
import { GraftError } from '../errors.ts';
import { readUseLog, reportUse, useSentences, wrongOf } from '../evaluate/use-log.ts';
import { plural } from '../numbers.ts';
import { openBytes, readWhole, writeWhole } from './files.ts';
import { Flags, type FlagSpecs } from './flags.ts';
import { checkFile, checkOutput } from './output-path.ts';
import type { Output } from './output.ts';

export const useLogFlags = {
  file: { value: 'FILE', help: 'a log that graft serve --log, a chat page or Use wrote' },
  data: {
    value: 'FILE',
    help: 'the training rows, to compare questions and lengths with; of a format that is recognised',
  },
  out: {
    value: 'FILE',
    help: 'write the questions whose answers went wrong as rows without an answer, to be corrected',
  },
  json: { help: 'the report as JSON on standard output' },
  overwrite: { help: 'replace the file that is at --out' },
  help: { help: 'show this text' },
} as const satisfies FlagSpecs;

export async function useLogCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = new Flags(useLogFlags, args);
  const [path, data, out] = [flags.required('file'), flags.text('data'), flags.text('out')];
  if (out !== undefined) {
    checkOutput('--out', out, [
      { what: 'the log', path },
      { what: 'the rows', path: data },
    ]);
    // Its rows may be corrected by hand already.
    checkFile('--out', out, flags.on('overwrite'));
  }
  const used = readUseLog(await openBytes(path), path, (sentence) => output.line(sentence));
  const report = reportUse(used, data === undefined ? undefined : await questionsIn(data));
  if (flags.on('json')) output.result(`${JSON.stringify(report, null, 2)}\n`);
  for (const line of useSentences(report)) output.line(line);
  if (out === undefined) return;
  const rows = used.flatMap((one) => {
    const why = wrongOf(one);
    // Nobody corrects the answer to a list of token ids.
    const isRead = typeof one.asked === 'string' || one.asked.every((part) => typeof part === 'object');
    return why && isRead ? [{ prompt: one.asked, completion: '', why, said: one.answer }] : [];
  });
  await writeWhole(out, new TextEncoder().encode(rows.map((row) => `${JSON.stringify(row)}\n`).join('')));
  output.line(
    `Wrote ${plural(rows.length, 'question')} to ${out}. Fill in each completion to train on them.`,
  );
}

async function questionsIn(path: string): Promise<{ prompt: string; expected: string }[]> {
  const reader = new ExampleReader(await readWhole(path), { fileName: path });
  for (const _ of reader.read());
  const questions = questionsOf(reader.result().examples, true);
  if (questions.length > 0) return questions;
  throw new GraftError(
    'data-rows',
    `${path} has no rows with questions and answers.`,
    'Give the rows that the model was trained on, in a format that is recognised.',
  );
}
