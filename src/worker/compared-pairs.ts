/** How likely both answers of the open test pairs are to the base model, and to something tuned beside it. */
import type { Adapter } from '../adapters/adapter.ts';
import { addedTokens } from '../adapters/tokens/tokens.ts';
import { lossPart, pairsOf } from '../evaluate/loss-part.ts';
import { drawPairs, pairLikelihoods, pairRowsOf } from '../evaluate/pairs.ts';
import type { LabelledTokens } from '../model/batch.ts';
import type { Evaluation, Progress, Sample } from './api.ts';
import { rowsOf, type DataSet } from './data.ts';
import { modelWith, rowsWith } from './new-tokens.ts';
import { isChat, type By, type Sitting, type TunedAnswerer } from './sitting.ts';

interface Watch {
  readonly onProgress: (progress: Progress) => void;
  readonly signal: AbortSignal;
}

/** @param sitting of the evaluation @returns undefined where the rows are no pairs */
export async function comparedPairs(
  { open, data, drawn, part }: Pick<Sitting, 'open' | 'data' | 'drawn' | 'part'>,
  tuned: TunedAnswerer,
  sample: Sample,
  { onProgress, signal }: Watch,
): Promise<Evaluation['pairs']> {
  const { seed } = drawn.draw;
  const rowsIn = (of: DataSet, rows: readonly LabelledTokens[]): readonly LabelledTokens[] =>
    rows.some(({ desirable }) => desirable !== undefined)
      ? drawPairs(pairRowsOf(rowsOf(of, 'test')), { rows: sample.rows, seed })
      : pairRowsOf(rows);
  const rows = rowsIn(data, part.rows);
  if (rows.length === 0) return undefined;
  const told = (by: By) => (done: number) => {
    onProgress({ what: 'comparing', pairs: true, by, done, total: rows.length });
    signal.throwIfAborted();
  };
  /** An adapter with new tokens reads the rows with them. */
  const rowsBy = async (adapter: Adapter): Promise<readonly LabelledTokens[]> => {
    const added = addedTokens(adapter.modules);
    if (!added) return rows;
    const own = await rowsWith(data, await modelWith(open, added), added);
    const test = lossPart(own, pairsOf(own, 'test', isChat(open)), drawn, { lossOf: 'asked', ...sample });
    return rowsIn(own, test.rows);
  };
  const base = await pairLikelihoods(open.model, rows, undefined, told('base'));
  return {
    base,
    tuned:
      'model' in tuned
        ? await pairLikelihoods(tuned.model, rows, undefined, told('model'))
        : await pairLikelihoods(open.model, await rowsBy(tuned.adapter), tuned.adapter, told('adapter')),
  };
}
