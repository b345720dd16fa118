/** Gives rows their parts: as files are opened, and when texts become other rows with new tokens. */
import { GraftError } from '../errors.ts';
import type { Example } from './example.ts';
import type { SplitRow } from './fair-split.ts';
import { judgedTogether } from './mixture.ts';
import type { DataOptions } from './options.ts';
import { divideRows, isUsed, tasksOfRows, TEST_FILE, type Divisible, type FairSplit } from './parts.ts';
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
export const rowIdentity = ({ row, example, identity }: Entry): string | undefined =>
  row && example && !isDocument(example) ? (identity ?? identityOf(example)) : undefined;

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

/** Rows as they were divided before: `read` before that, `all` after it. */
export interface EarlierRows {
  readonly read: readonly Entry[];
  readonly all: readonly Entry[];
}

/** Rows that may have gone from between two rows that stayed. */
const LOOKED_AHEAD = 8;

/** Finds what became of each row before, if it is asked about rows in their order. A row that it does not find is only made again. */
function finderIn({ read, all }: EarlierRows): (entry: Entry) => Entry | undefined {
  let next = 0;
  return (entry) => {
    const end = Math.min(read.length, next + LOOKED_AHEAD);
    for (let at = next; at < end; at++)
      if (read[at] === entry) {
        next = at + 1;
        return all[at];
      }
    const here = read.at(next);
    if (here?.file === entry.file && here.line === entry.line) next++;
    return undefined;
  };
}

/**
 * Gives every row that can be used its part, or says why it is left out: as the headless command does.
 *
 * @param before rows that had the same file, line and part then are not made again
 * @throws GraftError `split`, `data-rows`
 */
export function divideEntries(
  entries: readonly Entry[],
  identities: readonly (string | undefined)[],
  options: DataOptions,
  before?: EarlierRows,
): Entry[] {
  const drawnAs = options.fair && drawingOf(options.fair, entries);
  const isPacked = options.text?.packed === true;
  const usable: Divisible[] = [];
  entries.forEach(({ file, line, row, example, held, change, drawn, deleted }, at) => {
    if (!row && !drawn) return;
    // A literal without spreads: they take half a second for a hundred thousand rows.
    usable.push({
      file,
      line,
      identity: identities[at],
      part: held,
      document: !example && !isPacked ? `${file}:${line}` : undefined,
      drawnAs: drawnAs && example && drawnAs(drawn ?? example),
      added: change === 'added' || (change === 'edited' && !drawn),
      gone: deleted === true || !row,
    });
  });
  const fates = divideRows(usable, options);
  const tasks = options.mixture && tasksOfRows(usable, fates, options.mixture);
  const together = options.mixture && judgedTogether(entries.flatMap(({ row }) => row ?? []));
  const earlier = before && !options.mixture ? finderIn(before) : () => undefined;
  let index = 0;
  let made = 0;
  return entries.map((entry): Entry => {
    const known = earlier(entry);
    if (!entry.row) {
      if (entry.drawn) index++;
      return entry;
    }
    const [row, task] = [together ? together[made++] : entry.row, tasks?.[index]];
    const fate = fates[index++];
    if (known?.row === row && (known.part ?? known.state) === fate) return known;
    if (!isUsed(fate)) return { ...entry, state: fate };
    return { ...entry, part: fate, ...(task && { row: { ...row, task } }) };
  });
}
