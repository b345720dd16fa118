/** The file of an evaluation: what is written is read, and what is no such file is refused, whatever it is. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GraftError } from '../../../src/errors.ts';
import { evaluationFile, readEvaluation } from '../../../src/evaluate/record-file.ts';
import type { Evaluation } from '../../../src/evaluate/record.ts';
import { graftError } from '../expect-graft-error.ts';

const RECORD: Evaluation = {
  format: 'graft-evaluation',
  version: 1,
  made: {
    time: 1,
    graft: '0.1.0',
    model: { name: 'sprig', bundled: true, fingerprint: 'f' },
    data: { name: 'rows.jsonl', version: 'v', options: { seed: 42, test: 0.1 } },
    draw: {
      ...{ seed: 42, of: 9, test: 9, tooLong: 0 },
      reserved: { examples: [{ row: 2, line: 3 }], copies: 1 },
    },
    newTokens: 64,
    choices: { from: 'labels', texts: ['yes', 'no'], ends: false },
    rewards: [{ name: 'exact-match', weight: 1 }],
    seconds: 2,
  },
  items: [
    { row: 3, line: 4, prompt: 'Say 1', expected: 'yes', task: 'a' },
    { prompt: 'Say 2', expected: 'no', choices: ['no', 'never'] },
  ],
  subjects: [
    { method: 'nearest', label: 'Nearest row', failed: 'no rows' },
    {
      method: 'adapter',
      label: 'Captain',
      adapter: { name: 'Captain', id: 'a' },
      took: { parameters: 9 },
      seen: { asked: 0, test: 0, of: 9 },
      loss: { loss: 1, perplexity: Math.E, supervisedTokens: 9, rows: 2 },
      likelihoods: [{ chosen: { logp: -1, tokens: 2 }, rejected: { logp: -2, tokens: 2 } }],
      forgetting: { before: 1, after: 2, prompts: [{ prompt: '?', before: 'a', rightBefore: true }] },
      stopped: true,
      lacks: [{ name: 'Losses', reason: 'why' }],
    },
  ],
  scorers: [{ name: 'exact-match' }, { name: 'reward', passMark: 1 }],
  scores: [
    [
      [null, null],
      [1, 0.5],
    ],
    [
      [null, null],
      [null, null],
    ],
  ],
  evidence: [
    [
      null,
      { text: 'yes', seconds: 0.1, tokens: 3, truncated: true, passages: ['p'], logProbabilities: [-1, -2] },
    ],
    [null, null],
  ],
  blind: [{ subjects: [0, 1], seed: 7, turns: [{ item: 0, swapped: true, vote: 'tie' }], ended: true }],
};
const text = evaluationFile(RECORD);
const read = (content: string): Evaluation => readEvaluation(content, 'evaluation.json');

test('a record comes back from its file as it was, even with a mark at its start', () => {
  expect(read(text)).toEqual(RECORD);
  expect(read(`\uFEFF${text}`)).toEqual(RECORD);
});

test('numbers without an end come back: JSON has none', () => {
  const loss = { loss: 800, perplexity: Infinity, supervisedTokens: 9 };
  const lost = { ...RECORD, subjects: [RECORD.subjects[0], { ...RECORD.subjects[1], loss }] };
  expect(read(evaluationFile(lost)).subjects[1].loss).toEqual(loss);
});

describe('is refused', () => {
  test.each<[string, (record: Record<string, unknown>) => unknown, RegExp]>([
    ['another format', (record) => ({ ...record, format: 'x' }), /is not an evaluation of Graft/],
    ['a list', () => [], /is not an evaluation of Graft/],
    ['missing scores', ({ scores: _, ...record }) => record, /damaged evaluation: scores is wrong/],
    ['too few scores', (record) => ({ ...record, scores: [] }), /scores has not one list for each item/],
    [
      'a score too many',
      (record) => ({ ...record, scores: RECORD.scores.map((row) => row.map((one) => [...one, 1])) }),
      /one for each scorer/,
    ],
    [
      'an unknown method',
      (record) => ({ ...record, subjects: [{ method: 'magic', label: 'x' }, RECORD.subjects[1]] }),
      /subjects\.0\.method is wrong/,
    ],
    [
      'a reward that is none',
      (record) => ({ ...record, made: { ...RECORD.made, rewards: [{ name: 'none-such' }] } }),
      /made\.rewards is wrong/,
    ],
    [
      'an answer behind a missing one',
      (record) => ({
        ...record,
        evidence: [
          [null, null],
          [null, { text: 'no' }],
        ],
      }),
      /an answer after an item that it has not answered/,
    ],
  ])('%s', async (_, change, what) => {
    const content = JSON.stringify(change(JSON.parse(text) as Record<string, unknown>));
    expect((await graftError(() => read(content), 'evaluation-file')).what).toMatch(what);
  });

  test('a file of a newer Graft, which says so', async () => {
    const error = await graftError(() => read(JSON.stringify({ ...RECORD, version: 2 })), 'evaluation-newer');
    expect(error.what).toMatch(/written by a newer Graft \(format 2/);
  });

  test('whatever is in the place of any of its values, with an error of Graft, or it is read', () => {
    const paths: (string | number)[][] = [];
    const visit = (value: unknown, path: (string | number)[]): void => {
      paths.push(path);
      if (Array.isArray(value)) value.forEach((one, at) => visit(one, [...path, at]));
      else if (typeof value === 'object' && value !== null)
        for (const [key, one] of Object.entries(value)) visit(one, [...path, key]);
    };
    visit(RECORD, []);
    fc.assert(
      fc.property(fc.constantFrom(...paths), fc.jsonValue(), (path, value) => {
        const changed = JSON.parse(text) as Record<string | number, unknown>;
        let at = changed;
        for (const key of path.slice(0, -1)) at = at[key] as typeof at;
        if (path.length > 0) at[path.at(-1)!] = value;
        const content = JSON.stringify(path.length > 0 ? changed : value);
        try {
          const { items, subjects, scorers, scores } = read(content);
          expect(scores.flat(2)).toHaveLength(items.length * subjects.length * scorers.length);
        } catch (error) {
          expect(error).toBeInstanceOf(GraftError);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('any text, with an error of Graft', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (content) => {
        expect(() => read(content)).toThrow(GraftError);
      }),
      { numRuns: 200 },
    );
  });
});
