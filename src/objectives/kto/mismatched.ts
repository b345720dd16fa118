/** Rows of KTO: each answer, followed by the prompt with the answer of another row. */
import { changed, itemOf, type List } from '../../lists.ts';
import type { LabelledTokens } from '../../model/batch.ts';

/**
 * Adds to each row a second sequence: its prompt with the answer of the previous row; the first of a block gets that of the last. A block has as many
 * rows as a micro-batch, in the order of the file, so a row has the same second sequence in every epoch and its reference is computed once. A single
 * remaining row joins the block before it.
 *
 * @param options `batch` in rows; `maxLength`, in tokens, cuts the end of such a sequence
 * @returns rows with two sequences each; one that has them already is unchanged
 */
export function withMismatched<Row extends LabelledTokens>(
  rows: readonly Row[],
  options: { readonly batch: number; readonly maxLength: number },
): readonly Row[];
export function withMismatched<Row extends LabelledTokens>(
  rows: List<Row>,
  options: { readonly batch: number; readonly maxLength: number },
): List<Row>;
export function withMismatched<Row extends LabelledTokens>(
  rows: List<Row>,
  { batch, maxLength }: { readonly batch: number; readonly maxLength: number },
): List<Row> {
  const blocks = Math.max(1, Math.ceil((rows.length - 1) / batch));
  return changed(rows, (row, at) => {
    if (row.starts) return row;
    const block = Math.min(blocks - 1, Math.floor(at / batch));
    const first = block * batch;
    const last = block === blocks - 1 ? rows.length - 1 : first + batch - 1;
    const other = itemOf(rows, at === first ? last : at - 1);
    const from = answerOf(other);
    const prompt = answerOf(row);
    const join = (of: 'ids' | 'labels'): number[] =>
      [...part(row[of], 0, prompt), ...part(other[of], from)].slice(0, maxLength);
    return {
      ...row,
      ids: [...Array.from(row.ids), ...join('ids')],
      labels: [...Array.from(row.labels), ...join('labels')],
      starts: [row.ids.length],
    };
  });
}

/** Where the answer of a row starts: at its first label. */
function answerOf({ labels }: LabelledTokens): number {
  return Array.from(labels).findIndex((label) => label >= 0);
}

const part = (values: ArrayLike<number>, from: number, to?: number): number[] =>
  Array.from(values).slice(from, to);
