/**
 * Rows that tune a retriever: a question, the chunk that answers it, and hard negatives mined from the index: the best chunks of a search that share
 * nothing with the passages of the question.
 */
import type { LeftOut, SearchedChunks } from './made-rows.ts';
import type { PassageSource } from './passages-prompt.ts';
import { Relevance, type Passage } from './relevance.ts';

/** A question and the places that answer it. */
export interface PlacedQuestion {
  readonly id: string | number;
  readonly text: string;
  readonly passages: readonly Passage[];
}

export interface RetrieverRow {
  readonly question: PlacedQuestion;
  /** The place of the first chunk that holds half of a passage. */
  readonly positive: number;
  /** Places of chunks, best first. */
  readonly negatives: readonly number[];
}

/** The chunks that are no negatives of a question: those that share a character with a passage, and those with the same text as one that holds it. */
export function nearChunks(
  passages: readonly Passage[],
  chunks: readonly Pick<PassageSource, 'file' | 'start' | 'end' | 'text'>[],
  relevance: Relevance,
): ReadonlySet<number> {
  const places = passages.flatMap((passage) => relevance.placeOf(passage) ?? []);
  const texts = new Set(
    passages.flatMap((passage) => relevance.relevantTo(passage) ?? []).map((at) => chunks[at].text),
  );
  const near = new Set<number>();
  chunks.forEach(({ file, start, end, text }, at) => {
    const shares = places.some((place) => place.file === file && start < place.end && end > place.start);
    if (shares || texts.has(text)) near.add(at);
  });
  return near;
}

/**
 * @param count hard negatives of each row
 * @returns a row or a reason for each question that has a passage, in their order @throws what `rank` throws
 */
export async function makeRetrieverRows(
  questions: readonly PlacedQuestion[],
  { chunks, rank }: SearchedChunks,
  count: number,
): Promise<{ readonly rows: RetrieverRow[]; readonly leftOut: LeftOut[] }> {
  const relevance = new Relevance(chunks);
  const leftOut: LeftOut[] = [];
  const found = questions.flatMap((question) => {
    if (question.passages.length === 0) return [];
    const [positive] = question.passages.flatMap((passage) => relevance.relevantTo(passage) ?? []);
    if (positive !== undefined)
      return [{ question, positive, near: nearChunks(question.passages, chunks, relevance) }];
    leftOut.push({ id: question.id, why: 'has no passage that a chunk of the index holds half of' });
    return [];
  });
  const rankings =
    count === 0 || found.length === 0
      ? []
      : await rank(
          found.map(({ question }) => question.text),
          count + Math.max(...found.map(({ near }) => near.size)),
        );
  const rows = found.map(({ question, positive, near }, at) => ({
    ...{ question, positive },
    negatives: (rankings[at] ?? []).filter((chunk) => !near.has(chunk)).slice(0, count),
  }));
  return { rows, leftOut };
}

/**
 * The lines of a JSONL file, as `graft train --objective contrastive` reads them, with the ids of the chunks.
 *
 * @param prefixes that stand before the texts
 */
export const retrieverLines = (
  rows: readonly RetrieverRow[],
  chunks: readonly PassageSource[],
  { passage, question: asked } = { passage: '', question: '' },
): string =>
  rows
    .map(({ question, positive, negatives }) =>
      JSON.stringify({
        ...{ id: question.id, query: asked + question.text, positive: passage + chunks[positive].text },
        negative: negatives.map((at) => passage + chunks[at].text),
        chunks: [positive, ...negatives].map((at) => chunks[at].id),
      }),
    )
    .map((line) => `${line}\n`)
    .join('');
