/** The text of a document cut where chunks start and end, so that each can be marked although chunks overlap. */
import type { DocumentView } from '../../worker/api.ts';

interface Segment {
  readonly start: number;
  readonly end: number;
  /** How many chunks hold it: none between two of them, and two if they overlap. */
  readonly chunks: number;
  /** Whether its chunk has an odd number: neighbours are drawn apart. */
  readonly odd: boolean;
  /** The page that starts here. */
  readonly page?: number;
}

/**
 * The segments of some chunks and of the text between them.
 *
 * @param first the first chunk; from the start of the text if it is 0
 * @param last the last chunk; to the end of the text if it is the last
 */
export function segmentsOf(
  { text, pages = [], chunks }: Pick<DocumentView, 'text' | 'pages' | 'chunks'>,
  first: number,
  last: number,
): Segment[] {
  const from = first === 0 ? 0 : chunks[first].start;
  const to = last >= chunks.length - 1 ? text.length : chunks[last].end;
  const some = chunks.slice(first, last + 1);
  const pageAt = new Map(pages.map((start, at) => [start, at + 1]));
  const cuts = new Set([from, to]);
  for (const { start, end } of some) cuts.add(start).add(end);
  for (const start of pages) if (start > from && start < to) cuts.add(start);
  const places = [...cuts].filter((at) => at >= from && at <= to).sort((a, b) => a - b);
  let open = 0;
  return places.slice(1).map((end, at) => {
    const start = places[at];
    // Chunks are in order: those that end before this segment hold nothing of what follows.
    while (open < some.length && some[open].end <= start) open++;
    let held = 0;
    let number = first + open;
    for (let i = open; i < some.length && some[i].start <= start; i++)
      if (some[i].end >= end) {
        held++;
        number = first + i;
      }
    const page = pageAt.get(start);
    return { start, end, chunks: held, odd: number % 2 === 1, ...(page !== undefined && { page }) };
  });
}
