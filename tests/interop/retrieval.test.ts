/** Chunks by the tokenizer of all-MiniLM-L6-v2, against those of ../shared/retrieval. The model is fetched once. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { folder } from '../../src/cli/files.ts';
import { chunksOf } from '../../src/retrieval/chunks.ts';
import { tokenCounter } from '../../src/retrieval/token-counts.ts';
import { loadTokenizer } from '../../src/text/tokenizer.ts';
import { describeShared, sharedJsonl, sharedPath } from '../shared.ts';

const MODEL = fileURLToPath(new URL('../../.cache/all-MiniLM-L6-v2', import.meta.url));

interface Chunk {
  id: string;
  doc: string;
  start: number;
  end: number;
  tokens: number;
  text: string;
}

describeShared('chunks of 140 documents', () => {
  let fetched = '';
  let there = false;
  beforeAll(() => {
    const { status, stderr } = spawnSync(sharedPath('retrieval', 'fetch'), [MODEL], {
      encoding: 'utf8',
      timeout: 300_000,
    });
    there = status === 0;
    fetched = `all-MiniLM-L6-v2 could not be fetched: ${stderr.slice(-300)}`;
  });

  test('are those of the reference, with their places and their tokens', async ({ skip }) => {
    skip(!there, fetched);
    const count = tokenCounter(await loadTokenizer(folder(MODEL)));
    const documents = sharedJsonl<{ id: string; text: string }>('retrieval', 'documents.jsonl');
    const found = documents.flatMap(({ id, text }) =>
      chunksOf(readFileSync(sharedPath('retrieval', text), 'utf8'), count).map((chunk, n): Chunk => ({
        ...chunk,
        id: `${id}#${n}`,
        doc: id,
      })),
    );
    expect(found).toHaveLength(917);
    expect(found).toEqual(sharedJsonl<Chunk>('retrieval', 'chunks.jsonl'));
  });
});
