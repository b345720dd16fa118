/** Gives rows their parts: as files are opened, and when texts become other rows with new tokens. */
import { GraftError } from '../errors.ts';
import type { Example } from './example.ts';
import type { SplitRow } from './fair-split.ts';
import { judgedTogether } from './mixture.ts';
import type { DataOptions } from './options.ts';
import { divideRows, isUsed, tasksOfRows, TEST_FILE, type FairSplit } from './parts.ts';
import { columnText, labelOf } from './row-columns.ts';
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

/** Rows of one value or label of each that a part gets its share of: fewer have no share. */
const LEAST_OF_STRATUM = 2;

/** What a fair split knows of a row. @throws GraftError `data-column`, `split` */
function drawingOf(
  { stratify, group }: FairSplit,
  entries: readonly Entry[],
): (example: Example) => SplitRow {
  const own = entries.flatMap(({ drawn, example, change }) =>
    change === 'added' ? [] : (drawn ?? example ?? []),
  );
  const stratumOf = columnOf(stratify, own);
  const groupOf = columnOf(group, own);
  const strata = stratumOf ? new Set(own.map(stratumOf)).size : 1;
  if (strata > 1 && LEAST_OF_STRATUM * strata > own.length)
    throw new GraftError(
      'split',
      `${stratify} has ${strata} values in ${own.length} rows, so that no part can have its share of each.`,
      'Choose a column whose values come up again, or split without one.',
    );
  return (example) => {
    const [stratum, of] = [stratumOf?.(example), groupOf?.(example)];
    return {
      identity: identityOf(example),
      ...(of !== undefined && { group: of }),
      ...(stratum !== undefined && { stratum }),
    };
  };
}

const LABEL = 'label';

/** @throws GraftError `data-column` if no row has a value in the column */
function columnOf(
  name: string | undefined,
  examples: readonly Example[],
): ((example: Example) => string | undefined) | undefined {
  if (name === undefined) return undefined;
  const valueOf = (example: Example): string | undefined => columnText({ example }, name) || undefined;
  if (examples.some((example) => valueOf(example) !== undefined)) return valueOf;
  if (name === LABEL) return (example) => labelOf({ example });
  throw new GraftError(
    'data-column',
    `No row has a value in the column ${name}, by which rows should be split.`,
    'Choose another column, or split without one.',
  );
}

/** Gives every row that can be used its part, or says why it is left out: as the headless command does. */
export function divideEntries(
  entries: readonly Entry[],
  identities: readonly (string | undefined)[],
  options: DataOptions,
): Entry[] {
  const drawnAs = options.fair && drawingOf(options.fair, entries);
  const usable = entries.flatMap(({ file, line, row, example, held, change, drawn, deleted }, at) =>
    row || drawn
      ? [
          {
            ...{ file, line, identity: identities[at] },
            ...(!example && options.text?.packed !== true && { document: `${file}:${line}` }),
            ...(held && { part: held }),
            ...(drawnAs && example && { drawnAs: drawnAs(drawn ?? example) }),
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
