/** The open rows as a shorter limit would cut them, without reading them again: to see what it would save. */
import { GraftError } from '../errors.ts';
import type { List } from '../lists.ts';
import { applyLimit } from '../text/limit.ts';
import { IGNORED } from '../text/trainable.ts';
import { rowIdentity } from './divide.ts';
import { divided } from './open-rows.ts';
import type { DataOptions } from './options.ts';
import type { Part } from './parts.ts';
import type { PreparedRow } from './prepare.ts';
import { placesOf, rowsOf, rowsOfPlaces, type Entry, type RowSet } from './row-set.ts';

export interface ShorterRows {
  readonly train: List<PreparedRow>;
  readonly validation: List<PreparedRow>;
}

/**
 * @param bosId of the tokenizer that made the rows
 * @returns undefined if the files of the rows are not open, or no row would be left to train on
 */
export function shorterRows(
  maxLength: number,
  data: Pick<RowSet, 'entries' | 'places' | 'files' | 'options'>,
  bosId: number | undefined,
): ShorterRows | undefined {
  const { entries, files, options } = data;
  if (!files || !options) return undefined;
  if (entries.some(({ large }) => large)) return cutWhenTaken(maxLength, data, options, bosId);
  const cut = entries.some(({ example, row }) => row && !example)
    ? textsCut(entries, options, maxLength)
    : entries.flatMap((entry): Entry[] => {
        const limited = entry.row && applyLimit(entry.row, maxLength, options.overlong, bosId);
        // A prompt asks for its answers, and supervises nothing.
        const isUsed = limited?.row && (limited.supervised > 0 || entry.row?.asks === true);
        return isUsed ? [{ ...entry, row: { ...entry.row!, ...limited.row } }] : [];
      });
  try {
    const rows = divided(cut.map(undivided), cut.map(rowIdentity), { ...options, maxLength });
    const [train, validation] = (['train', 'validation'] as const).map((part) => rowsOf(rows, part));
    return train.length > 0 ? { train, validation } : undefined;
  } catch (error) {
    if (error instanceof GraftError && error.code === 'data-rows') return undefined;
    throw error;
  }
}

/** The rows of large files keep their parts, and each is cut as it is asked for. One that would have nothing to learn from stays as it is. */
function cutWhenTaken(
  maxLength: number,
  data: Pick<RowSet, 'places'>,
  { overlong }: DataOptions,
  bosId: number | undefined,
): ShorterRows {
  const rowsIn = (part: Part): List<PreparedRow> =>
    rowsOfPlaces(placesOf(data, part), ({ row }) => {
      const limited = applyLimit(row, maxLength, overlong, bosId);
      const isUsed = limited.row !== undefined && (limited.supervised > 0 || row.asks === true);
      return isUsed ? { ...row, ...limited.row } : row;
    });
  return { train: rowsIn('train'), validation: rowsIn('validation') };
}

/** Rows that a person left out, or that equal others, are divided again as well. */
const undivided = ({ part: _, ...entry }: Entry): Entry => ({ ...entry, state: 'ok' });

/** Texts, whose rows go on where the row before ends: each document is laid together again, and packed ones all of them. */
function textsCut(entries: readonly Entry[], { text }: DataOptions, maxLength: number): Entry[] {
  const overlap = Math.min(text?.packed ? 1 : (text?.overlap ?? 1), maxLength - 1);
  const documents = new Map<string, Entry[]>();
  for (const entry of entries) {
    if (!entry.row) continue;
    const key = text?.packed ? `${entry.file}` : `${entry.file}:${entry.line}`;
    documents.set(key, [...(documents.get(key) ?? []), entry]);
  }
  return [...documents.values()].flatMap((rows): Entry[] => {
    const ids = rows.flatMap(({ row }, at) => Array.from(row!.ids).slice(at === 0 ? 0 : overlap));
    const { file, line } = rows[0];
    const cut: Entry[] = [];
    for (let start = 0; start === 0 || start + overlap < ids.length; start += maxLength - overlap) {
      const own = ids.slice(start, start + maxLength);
      const known = start === 0 ? 1 : overlap;
      const labels = own.map((id, t) => (t < known ? IGNORED : id));
      const row = { ids: own, labels, line };
      cut.push({ file, line, state: 'ok', row, length: own.length, supervised: own.length - known });
    }
    return cut;
  });
}
