import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Example } from '../../../src/data/example.ts';
import { prepareRows } from '../../../src/data/prepare.ts';
import { splitExamples } from '../../../src/data/split.ts';
import { loadTokenizer } from '../../../src/text/tokenizer.ts';
import { IGNORED } from '../../../src/text/trainable.ts';
import { describeShared, sharedFolder } from '../../shared.ts';
import { graftError } from '../expect-graft-error.ts';

const tokens = (line: number, ids: number[], supervisedFrom = 1): Example => ({
  kind: 'tokens',
  ids,
  labels: ids.map((id, t) => (t < supervisedFrom ? IGNORED : id)),
  line,
});

describe('ready token rows need no tokenizer', () => {
  it('are limited, reported and checked', () => {
    const examples = [
      tokens(1, [1, 2, 3]),
      tokens(2, [1, 2, 3, 4, 5, 6], 5),
      tokens(3, [1, 2, 3, 4, 5, 6], 2),
      tokens(4, [1, 99]),
      tokens(5, [7]),
    ];
    const { rows, report } = prepareRows(examples, undefined, { maxLength: 4, vocabSize: 50 });
    expect(rows).toEqual([
      { ids: [1, 2, 3], labels: [IGNORED, 2, 3], line: 1 },
      { ids: [1, 2, 3, 4], labels: [IGNORED, IGNORED, 3, 4], line: 3 },
    ]);
    expect(report).toEqual({
      rows: 2,
      tokens: 7,
      supervisedTokens: 4,
      cut: [3],
      dropped: [],
      unsupervised: [2, 5],
      failed: [{ line: 4, reason: expect.stringContaining('99') as string }],
      notes: [],
    });
    const dropping = prepareRows(examples, undefined, { maxLength: 4, overlong: 'drop' });
    expect(dropping.report).toMatchObject({ dropped: [2, 3], rows: 2, cut: [] });
    expect(
      prepareRows(examples.slice(1, 2), undefined, { maxLength: 4, overlong: 'truncate-prompt' }).rows[0].ids,
    ).toEqual([3, 4, 5, 6]);
  });

  it('omitted parts of a row are reported, with their lines', () => {
    const notes = ['tools are left out'];
    const examples = [{ ...tokens(1, [1, 2]), notes }, tokens(2, [1, 2]), { ...tokens(3, [1, 2]), notes }];
    const { report } = prepareRows(examples, undefined, { maxLength: 4 });
    expect(report.notes).toEqual([{ note: 'tools are left out', lines: [1, 3] }]);
  });

  it('a label on the first token is not learnt', () => {
    const { rows } = prepareRows([tokens(1, [5, 6], 0)], undefined, { maxLength: 4 });
    expect(rows[0].labels).toEqual([IGNORED, 6]);
  });

  it('reports what needs one, and what makes no sense', async () => {
    await graftError(
      () => prepareRows([{ kind: 'text', text: 'a', line: 3 }], undefined, { maxLength: 8 }),
      'tokenizer-missing',
    );
    await graftError(() => prepareRows([], undefined, { maxLength: 1 }), 'prepare-length');
  });
});

describeShared('rows of a tokenizer', () => {
  it('cuts a document into rows in which every token is predicted once', async () => {
    const tokenizer = await loadTokenizer(sharedFolder('models', 'stories260K'));
    const text = 'Once upon a time, there was a little girl named Lily.\n'.repeat(40);
    const whole = [1, ...tokenizer.encode(text), 2];
    for (const maxLength of [2, 7, 64, whole.length - 1, whole.length, whole.length + 1]) {
      const { rows, report } = prepareRows([{ kind: 'text', text, document: true, line: 1 }], tokenizer, {
        maxLength,
      });
      for (const { ids, labels } of rows) {
        expect(ids.length).toBeLessThanOrEqual(maxLength);
        expect(labels).toEqual([IGNORED, ...ids.slice(1)]);
      }
      expect([rows[0].ids[0], ...rows.flatMap(({ ids }) => ids.slice(1))]).toEqual(whole);
      expect(report.supervisedTokens).toBe(whole.length - 1);
    }
  });

  it('encodes a long document in pieces without loss', async () => {
    const tokenizer = await loadTokenizer(sharedFolder('models', 'SmolLM2-135M-Instruct'));
    const text = 'A line of words, 🙂.\n'.repeat(15_000);
    const { rows } = prepareRows([{ kind: 'text', text, document: true, line: 1 }], tokenizer, {
      maxLength: 512,
    });
    const ids = [rows[0].ids[0], ...rows.flatMap((row) => row.ids.slice(1))];
    expect(tokenizer.decode(ids, { skipSpecialTokens: true })).toBe(text);
  });

  it('reports notes with their lines, and refusals of single rows', async () => {
    const tokenizer = await loadTokenizer(sharedFolder('models', 'stories260K'));
    const examples: Example[] = [
      { kind: 'completion', prompt: 'Once upon a ti', completion: 'me', line: 1 },
      { kind: 'completion', prompt: 'Hi', completion: ' Lily', line: 2 },
      { kind: 'completion', prompt: 'Once upon a ti', completion: 'me', line: 3 },
    ];
    const { report } = prepareRows(examples, tokenizer, { maxLength: 64 });
    expect(report.notes).toEqual([
      { note: expect.stringContaining('share a token') as string, lines: [1, 3] },
    ]);
    const template =
      "{% if 'Hi' in messages[0].content %}{{ raise_exception('no greetings') }}{% endif %}{{ messages[0].content + messages[-1].content }}";
    const refused = prepareRows(examples, tokenizer, { maxLength: 64, template });
    expect(refused.report.failed).toEqual([
      { line: 2, reason: expect.stringContaining('no greetings') as string },
    ]);
    expect(refused.rows.map(({ line }) => line)).toEqual([1, 3]);
    await graftError(
      () => prepareRows(examples, tokenizer, { maxLength: 64, template: '{% if %}' }),
      'chat-template',
    );
    const chat: Example = { kind: 'messages', messages: [{ role: 'assistant', content: 'x' }], line: 1 };
    await graftError(() => prepareRows([chat], tokenizer, { maxLength: 64 }), 'chat-template-missing');
  });
});

describe('splits', () => {
  it('part all rows, by the seed', () => {
    fc.assert(
      fc.property(
        fc.nat(300),
        fc.double({ min: 0, max: 0.49, noNaN: true }),
        fc.double({ min: 0, max: 0.49, noNaN: true }),
        fc.nat(),
        (n, validation, test, seed) => {
          const split = splitExamples(n, { validation, test, seed });
          const all = [...split.train, ...split.validation, ...split.test].sort((a, b) => a - b);
          expect(all).toEqual(Array.from({ length: n }, (_, i) => i));
          if (n > 0) expect(split.train.length).toBeGreaterThan(0);
          if (n > 2 && validation > 0)
            expect(split.validation.length).toBe(Math.min(Math.max(1, Math.round(n * validation)), n - 1));
          if (validation === 0) expect(split.validation).toEqual([]);
          expect(splitExamples(n, { validation, test, seed })).toEqual(split);
        },
      ),
    );
    const options = { validation: 0.1, test: 0.1 };
    const first = splitExamples(100, { ...options, seed: 1 });
    expect([first.train.length, first.validation.length, first.test.length]).toEqual([80, 10, 10]);
    expect(splitExamples(100, { ...options, seed: 2 }).validation).not.toEqual(first.validation);
  });

  it('refuse fractions that leave nothing', async () => {
    for (const [validation, test] of [
      [0.5, 0.5],
      [-0.1, 0],
      [NaN, 0],
      [1, 0],
    ]) {
      await graftError(() => splitExamples(10, { validation, test, seed: 0 }), 'split');
    }
  });
});
