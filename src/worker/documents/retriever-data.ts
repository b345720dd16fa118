/** Rows for a retriever → the data of a run. */
import { makeEntries } from '../../data/make-entries.ts';
import { RowMaker } from '../../data/prepare.ts';
import { isUsedEntry, type Entry } from '../../data/row-set.ts';
import type { PassageSource } from '../../retrieval/passages-prompt.ts';
import type { RetrieverRow } from '../../retrieval/retriever-rows.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import type { EncoderChoice } from '../api/documents.ts';
import { unasked, type DataSet } from '../data/data.ts';

/** The name of the file with the same rows, which the command of the run reads. */
export const RETRIEVER_ROWS = 'retriever-rows.jsonl';

/**
 * All rows are trained on: what the encoder finds is measured on questions that are held out, and no loss of a batch says it.
 *
 * @param choice its prefixes stand before the texts, as in the index
 * @param window tokens of a text at most
 */
export function retrieverData(
  rows: readonly RetrieverRow[],
  chunks: readonly PassageSource[],
  { passagePrefix, questionPrefix }: Pick<EncoderChoice, 'passagePrefix' | 'questionPrefix'>,
  { tokenizer, content, window }: { tokenizer: Tokenizer; content: string; window: number },
): DataSet {
  const maker = new RowMaker(tokenizer, { maxLength: window, encodes: true });
  const textOf = (chunk: number): string => passagePrefix + chunks[chunk].text;
  const entries = rows.flatMap(({ question, positive, negatives }, at) =>
    makeEntries(maker, {
      ...{ kind: 'query', line: at + 1, query: questionPrefix + question.text },
      ...{ positive: textOf(positive), negatives: negatives.map(textOf) },
    }).map((entry): Entry => ({ ...entry, part: 'train' })),
  );
  return unasked({
    ...{ name: RETRIEVER_ROWS, modelContent: content, entries, places: entries.filter(isUsedEntry) },
    ...{ repeated: new Map(), leaked: new Map(), questions: [] },
  });
}
