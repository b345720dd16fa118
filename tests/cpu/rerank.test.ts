/** The second ranking by a language model: its likelihoods against the logits of the model, and `graft search --rerank`. */
import { beforeAll, expect, test } from 'vitest';
import { fileURLToPath } from 'node:url';
import { writeFileSync } from 'node:fs';
import { questionLikelihoods } from '../../src/evaluate/question-likelihood.ts';
import { ASKS_FOR_QUESTION } from '../../src/retrieval/rerank.ts';
import { openModel, type OpenModel } from '../../src/worker/models/model.ts';
import { describeDevice } from '../engine/adapters.ts';
import { DEVICE_HERE, graftHere, temporaryFolder } from '../engine/graft-command.ts';
import { SPRIG, sprigFolder } from '../engine/sprig.ts';
import { graftError } from '../unit/expect-graft-error.ts';

const QUESTION = 'Where does the snail live?';
const PASSAGES = ['The snail lives in the beehive.', 'The rose is at its best in spring.', 'Peas.'];
const at = temporaryFolder();
const ignore = (): void => undefined;

describeDevice('The likelihood of a question', (context) => {
  let open: OpenModel;
  beforeAll(async () => {
    open = await openModel(context.device, { name: 'sprig', bundled: true, files: sprigFolder() }, ignore);
  });

  test('is the mean log-probability of its tokens behind each passage', async () => {
    const { model, tokenizer } = open;
    const done: number[] = [];
    const found = await questionLikelihoods(
      open,
      [
        { question: QUESTION, passages: PASSAGES },
        { question: ' What is red? ', passages: [PASSAGES[1]] },
      ],
      (count) => done.push(count),
    );
    const byLogits = async (passage: string, question: string): Promise<number> => {
      const before = `<|im_start|>user\n${passage}\n\n${ASKS_FOR_QUESTION}<|im_end|>\n<|im_start|>assistant\n`;
      const prompt = tokenizer.encode(before);
      const ids = tokenizer.encode(before + question);
      expect(ids.slice(0, prompt.length)).toEqual(prompt);
      const logits = await model.logits(ids);
      const V = logits.length / ids.length;
      const losses = ids.slice(prompt.length).map((id, n) => {
        const row = logits.subarray((prompt.length + n - 1) * V, (prompt.length + n) * V);
        const most = row.reduce((a, b) => Math.max(a, b), -Infinity);
        return row[id] - most - Math.log(row.reduce((sum, logit) => sum + Math.exp(logit - most), 0));
      });
      return losses.reduce((sum, one) => sum + one, 0) / losses.length;
    };
    expect(found.map(({ length }) => length)).toEqual([3, 1]);
    for (const [n, passage] of PASSAGES.entries())
      expect(found[0][n]).toBeCloseTo(await byLogits(passage, QUESTION), 3);
    expect(found[1][0]).toBeCloseTo(await byLogits(PASSAGES[1], 'What is red?'), 3);
    // The passage of both questions is read once.
    expect(done).toEqual([0, 1, 3, 4]);
  });

  test('takes the first words of a passage that does not fit, and refuses a question that never fits', async () => {
    const long = `${'The snail lives in the beehive. '.repeat(200)}`;
    const [[likelihood]] = await questionLikelihoods(open, [{ question: QUESTION, passages: [long] }]);
    expect(likelihood).toBeLessThan(0);
    await graftError(
      () => questionLikelihoods(open, [{ question: QUESTION.repeat(100), passages: ['x'] }]),
      'rerank-question',
    );
  });
});

test('graft search --rerank orders the first chunks by likelihood, keeps their scores, and leaves the rest in order', async () => {
  const notes = fileURLToPath(new URL('../../public/samples/notes/documents.zip', import.meta.url));
  const indexed = await graftHere([
    ...['index', '--model', SPRIG, '--words-only', '--documents', notes, '--out', at('index')],
  ]);
  expect(indexed.code, indexed.err).toBe(0);
  const passage = { doc: 'snail.txt', start: 0, end: 31 };
  writeFileSync(at('questions.jsonl'), JSON.stringify({ question: QUESTION, passages: [passage] }));
  const search = async (...flags: string[]) => {
    const { code, err, out } = await graftHere([
      ...['search', '--index', at('index'), '--method', 'bm25', '--queries', at('questions.jsonl')],
      ...['--top', '6', '--json', '--relevant', ...DEVICE_HERE, ...flags],
    ]);
    expect(code, err).toBe(0);
    const [first, last] = out.trim().split('\n');
    return {
      ...(JSON.parse(first) as { hits: { id: string; score: number; likelihood?: number }[] }),
      ...(JSON.parse(last) as { measures: { all: Record<string, number> } }),
    };
  };
  const before = await search();
  const after = await search('--rerank', SPRIG, '--rerank-top', '4');
  const ids = (hits: typeof before.hits): string[] => hits.map(({ id }) => id);
  expect(ids(after.hits).slice(4)).toEqual(ids(before.hits).slice(4));
  expect(ids(after.hits).slice(0, 4).sort()).toEqual(ids(before.hits).slice(0, 4).sort());
  const likelihoods = after.hits.slice(0, 4).map(({ likelihood }) => likelihood!);
  expect(likelihoods).toEqual([...likelihoods].sort((a, b) => b - a));
  expect(after.hits.slice(4).every(({ likelihood }) => likelihood === undefined)).toBe(true);
  for (const { id, score } of after.hits) expect(score).toBe(before.hits.find((hit) => hit.id === id)?.score);
  const place = ids(after.hits).findIndex((id) => id.startsWith('snail.txt'));
  expect(after.measures.all['mrr@10']).toBeCloseTo(1 / (place + 1), 6);

  const { code, err } = await graftHere([
    'search',
    '--index',
    at('index'),
    '--query',
    'x',
    '--rerank-top',
    '3',
  ]);
  expect(code).toBe(2);
  expect(err).toContain('--rerank is missing');
});
