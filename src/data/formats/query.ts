/**
 * Queries for an encoder: `{"query": "…", "positive": "…"}`, and if there are hard negatives `"negative"`, a text or a list of texts.
 */
import { BadRow, filledTextOf, type RowFormat } from './row.ts';

export const queryFormat: RowFormat = {
  name: 'queries',
  fields: ['query', 'positive', 'negative'],
  matches: (row) => row['query'] !== undefined && row['positive'] !== undefined,
  read(row) {
    const { negative } = row;
    const negatives = Array.isArray(negative) ? (negative as unknown[]) : isNone(negative) ? [] : [negative];
    const positive = filledTextOf(row['positive'], 'positive');
    const others = negatives.map((text, at) =>
      filledTextOf(text, Array.isArray(negative) ? `negative[${at}]` : 'negative'),
    );
    if (others.includes(positive))
      throw new BadRow('positive is among its own negatives, so that there is nothing to tell apart');
    return { kind: 'query', query: filledTextOf(row['query'], 'query'), positive, negatives: others };
  },
};

/** A table has an empty cell in its place. */
const isNone = (negative: unknown): boolean =>
  negative === undefined || negative === null || (typeof negative === 'string' && negative.trim() === '');
