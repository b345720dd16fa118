/** Rankings, fusion, relevance and measures against the reference's numbers, on its own vectors. */
import { beforeAll, expect, test } from 'vitest';
import { toFloat32 } from '../../../src/weights/dtypes.ts';
import { parseSafetensors } from '../../../src/weights/safetensors.ts';
import { Bm25 } from '../../../src/retrieval/bm25.ts';
import { htmlText } from '../../../src/retrieval/html-text.ts';
import { drawPassageRows } from '../../../src/retrieval/passage-rows.ts';
import { pdfText } from '../../../src/retrieval/pdf-text.ts';
import { SEARCH_METHODS, type Ranked } from '../../../src/retrieval/ranking.ts';
import { measure, Relevance, type JudgedSearch, type Passage } from '../../../src/retrieval/relevance.ts';
import { ChunkSearch, inMemory } from '../../../src/retrieval/search.ts';
import { readFileSync } from 'node:fs';
import { MAPS } from '../../character-maps.ts';
import { describeShared, sharedFolder, sharedJson, sharedJsonl, sharedPath } from '../../shared.ts';

interface Chunk {
  id: string;
  doc: string;
  start: number;
  end: number;
  text: string;
}
interface Question {
  id: string;
  kind: string;
  question: string;
  answer: string;
  passages: Passage[];
}
type Measured = Record<'recall@1' | 'recall@5' | 'recall@10' | 'mrr@10' | 'questions', number>;
interface Expected {
  bm25: { average_length: number; idf: Record<string, number> };
  measures: Record<string, Record<string, Measured>>;
  questions: ({ id: string; relevant?: string[][] } & Record<
    'cosine' | 'bm25' | 'rrf',
    [string, number][]
  >)[];
}
interface Document {
  id: string;
  file: string;
  format: string;
  text: string;
}

const SIZE = 384;
/** More than five passages and all relevant chunks of a question. */
const RAFT_RANKS = 30;
/** PDFs whose running head shows on one page only, or whose text lacks a character in pdf.js. */
const ODD_PDFS = ['ntp-cluster'];

describeShared('retrieval', () => {
  const chunks = sharedJsonl<Chunk>('retrieval', 'chunks.jsonl').map((chunk) => ({
    ...chunk,
    file: chunk.doc,
  }));
  const questions = sharedJsonl<Question>('retrieval', 'questions.jsonl');
  const expected = sharedJson<Expected>('retrieval', 'expected.json');
  const documents = sharedJsonl<Document>('retrieval', 'documents.jsonl');
  const read = (path: string): string => readFileSync(sharedPath('retrieval', path), 'utf8');
  const texts = chunks.map(({ text }) => text);
  const relevance = new Relevance(chunks);
  let vectors: Float32Array[] = [];
  let search: ChunkSearch;

  beforeAll(async () => {
    const source = await sharedFolder('retrieval').open('embeddings.safetensors');
    const tensors = await parseSafetensors(source!);
    const of = async (name: string): Promise<Float32Array> =>
      toFloat32(await tensors.get(name)!.read(), 'F32', name);
    const all = await of('questions');
    vectors = questions.map((_, i) => all.subarray(i * SIZE, (i + 1) * SIZE));
    search = new ChunkSearch(texts, inMemory(await of('chunks')));
  });

  const rank = (at: number, method: (typeof SEARCH_METHODS)[number], most = 10): Promise<Ranked[]> =>
    search.search({ text: questions[at].question, vector: vectors[at] }, { method, most });

  test.each(SEARCH_METHODS)('has the first ten of every ranking by %s, with their scores', async (method) => {
    for (const [at, one] of expected.questions.entries()) {
      const found = await rank(at, method);
      expect(
        found.map(({ chunk }) => chunks[chunk].id),
        one.id,
      ).toEqual(one[method].map(([id]) => id));
      found.forEach(({ score }, i) => expect(Math.abs(score - one[method][i][1])).toBeLessThan(1e-6));
    }
  });

  test('has the inverse document frequencies of BM25', async () => {
    const bm25 = await Bm25.of(texts);
    for (const [word, idf] of Object.entries(expected.bm25.idf)) expect(bm25.idf(word)).toBeCloseTo(idf, 10);
  });

  test('finds the relevant chunks of every passage', () => {
    questions.forEach(({ passages }, at) => {
      const found = passages.map((passage) =>
        relevance.relevantTo(passage)?.map((chunk) => chunks[chunk].id),
      );
      expect(found).toEqual(expected.questions[at].relevant ?? []);
    });
  });

  test.each(SEARCH_METHODS)(
    'measures recall and the mean reciprocal rank of %s, over all and each kind',
    async (method) => {
      const rankings = await Promise.all(questions.map((_, at) => rank(at, method)));
      const judged = questions.map(({ kind, passages }, at) => ({
        kind,
        ranking: rankings[at].map(({ chunk }) => chunk),
        relevant: passages.map((passage) => relevance.relevantTo(passage) ?? []),
      }));
      for (const [kind, numbers] of Object.entries(expected.measures[method])) {
        const own: JudgedSearch[] = judged.filter(
          (one) => one.relevant.length > 0 && (kind === 'all' || one.kind === kind),
        );
        const { recall, mrr, questions: count } = measure(own);
        expect(count).toBe(numbers.questions);
        expect([recall[1], recall[5], recall[10], mrr]).toEqual(
          [numbers['recall@1'], numbers['recall@5'], numbers['recall@10'], numbers['mrr@10']].map((value) =>
            expect.closeTo(value, 10),
          ),
        );
      }
    },
  );

  test('draws the passages and quotes of every row for retrieval-aware tuning', async () => {
    const rows = sharedJsonl<{ id: string; oracle: boolean; context: string[]; quotes: string[] }>(
      'retrieval',
      'raft.jsonl',
    );
    const rankings: number[][] = [];
    for (const at of questions.keys())
      rankings.push((await rank(at, 'rrf', RAFT_RANKS)).map(({ chunk }) => chunk));
    const drawn = drawPassageRows(
      questions.map(({ question, answer, passages }) => ({ text: question, answer, passages })),
      { chunks: chunks.map((chunk) => ({ ...chunk, page: null })), relevance, rankings },
      { count: 5, without: 0.2, distractors: 'ranking', draw: 'turn', seed: 1 },
    );
    const found = new Map(
      questions.map(({ id }, at) => {
        const row = drawn[at];
        if ('problem' in row) throw new Error(`${id} ${row.problem}`);
        return [id, { oracle: row.oracle, context: row.context.map((chunk) => chunks[chunk].id), row }];
      }),
    );
    for (const { id, oracle, context, quotes } of rows) {
      const { row, ...own } = found.get(id)!;
      expect(own, id).toEqual({ oracle, context });
      if (oracle)
        for (const [at, { text, chunk }] of row.quotes.entries()) {
          expect(quotes[at], id).toContain(text);
          expect(chunks[chunk].text).toContain(text);
        }
    }
    expect(rows).toHaveLength(60);
  });

  test('reads the text of every web page as the reference does', () => {
    for (const { file, text } of documents.filter(({ format }) => format === 'html'))
      expect(htmlText(read(file)).text, file).toBe(read(text));
  });

  test('reads every PDF, space aside, and finds each of its passages', async () => {
    const squeezed = (text: string): string => text.replaceAll(/\s+/gu, '');
    for (const { id, file, text } of documents.filter(({ format }) => format === 'pdf')) {
      const { text: found } = await pdfText(readFileSync(sharedPath('retrieval', file)), file, MAPS);
      if (!ODD_PDFS.includes(id)) expect(squeezed(found), file).toBe(squeezed(read(text)));
      for (const passage of questions.flatMap(({ passages }) => passages).filter(({ doc }) => doc === id))
        expect(squeezed(found)).toContain(squeezed(passage.text!));
    }
  });
});
