/** Gives rows their parts: as files are opened, and when texts become other rows with new tokens. */
import { judgedTogether } from './mixture.ts';
import type { DataOptions } from './options.ts';
import { divideRows, isUsed, tasksOfRows, TEST_FILE } from './parts.ts';
import type { Entry } from './row-set.ts';
import { identityOf } from './statistics.ts';
import { isDocument } from './row-set.ts';

/** The places of a data set's files in the order of its rows. Test rows come last, so that other rows keep their places when test rows are added or removed. */
export function fileOrder(files: readonly unknown[]): number[] {
  const places = files.flatMap((file, at) => (file === undefined ? [] : [at]));
  return [...places.filter((at) => at !== TEST_FILE), ...places.filter((at) => at === TEST_FILE)];
}

/** Equal for rows that teach the same; undefined for a part of a text. */
export const rowIdentity = ({ row, example }: Entry): string | undefined =>
  row && example && !isDocument(example) ? identityOf(example) : undefined;

/** Gives every row that can be used its part, or says why it is left out: as the headless command does. */
export function divideEntries(
  entries: readonly Entry[],
  identities: readonly (string | undefined)[],
  options: DataOptions,
): Entry[] {
  const usable = entries.flatMap(({ file, line, row, example, held, change, drawn, deleted }, at) =>
    row || drawn
      ? [
          {
            ...{ file, line, identity: identities[at] },
            ...(!example && options.text?.packed !== true && { document: `${file}:${line}` }),
            ...(held && { part: held }),
            ...((change === 'added' || (change === 'edited' && !drawn)) && { added: true }),
            ...((deleted || !row) && { gone: true }),
          },
        ]
      : [],
  );
  const fates = divideRows(usable, options);
  const tasks = tasksOfRows(usable, fates, options.mixture);
  const given = entries.flatMap(({ row }) => row ?? []);
  const rows = options.mixture ? judgedTogether(given) : given;
  let index = 0;
  let made = 0;
  return entries.map((entry): Entry => {
    if (!entry.row) {
      if (entry.drawn) index++;
      return entry;
    }
    const [row, task] = [rows[made++], tasks[index]];
    const fate = fates[index++];
    if (!isUsed(fate)) return { ...entry, state: fate };
    return { ...entry, part: fate, ...(task && { row: { ...row, task } }) };
  });
}
