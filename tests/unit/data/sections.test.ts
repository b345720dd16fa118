/** A file that two threads read in sections gives what one pass over it gives. */
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { folder } from '../../../src/cli/files.ts';
import { CertainRows } from '../../../src/data/certain-rows.ts';
import type { ReadOptions } from '../../../src/data/formats.ts';
import { linesIn, linesOf, type Bytes } from '../../../src/data/lines.ts';
import { readFile, type HeldRows, type ReadRows, type Slicer } from '../../../src/data/open-rows.ts';
import { sectionAt } from '../../../src/data/sections.ts';
import { loadTokenizer, type Tokenizer } from '../../../src/text/tokenizer.ts';
import { graftError } from '../expect-graft-error.ts';
import { sharedWithin } from '../shared-sections.ts';

let sprig: Tokenizer;
beforeAll(async () => {
  sprig = await loadTokenizer(folder('public/models/sprig'));
});

const AT_ONCE: Slicer = { due: true, pause: () => Promise.resolve(), each: () => Promise.resolve() };

/** Bytes that are read piece by piece, as those of a file are. */
const read = (bytes: Uint8Array): Bytes => ({
  length: bytes.length,
  subarray: (start, end) => bytes.slice(start, end),
});

const encoded = (text: string): Uint8Array => new TextEncoder().encode(text);

const answer = (i: number): string => JSON.stringify({ prompt: `What is ${i}?`, completion: `It is ${i}.` });

/** What is known of a file before its rows are made. */
const known = ({ index, ...others }: ReadRows): object => ({ ...others, index: index?.sent });

/** Reads a file in sections, or in one pass without a number of bytes. */
async function readIn(
  sectionBytes: number | undefined,
  content: Uint8Array,
  options: Partial<ReadOptions> = {},
): Promise<object> {
  const held: HeldRows = {
    ...{ rows: 0, bytes: 0, certain: new CertainRows(sprig, { maxLength: 24, now: new Date(0) }) },
    ...(sectionBytes !== undefined && { share: sharedWithin(sectionBytes) }),
  };
  return known(await readFile(read(content), { fileName: 'rows.jsonl', ...options }, AT_ONCE, held));
}

async function expectSame(
  content: string | Uint8Array,
  sectionBytes: number,
  options?: Partial<ReadOptions>,
): Promise<ReadRows> {
  const bytes = typeof content === 'string' ? encoded(content) : content;
  const shared = await readIn(sectionBytes, bytes, options);
  expect(shared).toEqual(await readIn(undefined, bytes, options));
  return shared as ReadRows;
}

test('any cut of a file gives the same rows, numbers and faults', async () => {
  const line = fc.oneof(
    { weight: 4, arbitrary: fc.nat(30).map(answer) },
    fc.constantFrom(
      '',
      '   ',
      '\ufeff',
      'not JSON',
      '{"prompt": "half',
      '{"prompt": "only"}',
      '{"other": 1}',
      '{"prompt": "é 🙂", "completion": "中文"}',
      '{"text": "A text."}',
      '{"prompt": "Q", "chosen": "good", "rejected": "bad"}',
      '{"prompt": "Q", "chosen": "bad", "rejected": "good"}',
      '{"prompt": "Q", "completion": "yes", "label": true}',
      '{"prompt": "a", "completion": "b", "note": "three more words", "level": 3}',
      JSON.stringify({ prompt: 'word '.repeat(30), completion: 'lost' }),
    ),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(line, { minLength: 1, maxLength: 20 }),
      fc.constantFrom('\n', '\r\n'),
      fc.boolean(),
      fc.boolean(),
      fc.integer({ min: 1, max: 400 }),
      fc.constantFrom(undefined, 2),
      async (lines, end, hasMark, isEnded, sectionBytes, mostProblems) => {
        const text = `${hasMark ? '\ufeff' : ''}${answer(0)}${end}${lines.join(end)}${isEnded ? end : ''}`;
        await expectSame(text, sectionBytes, mostProblems === undefined ? {} : { mostProblems });
      },
    ),
    { numRuns: 150 },
  );
});

describe('a file in sections', () => {
  const rows = Array.from({ length: 40 }, (_, i) => answer(i));

  test('names the faults of later sections by the lines of the file', async () => {
    const lines = [...rows];
    lines[29] = 'not JSON';
    lines[37] = '{"prompt": "no answer"}';
    const { problems, index } = await expectSame(lines.join('\n'), 300);
    expect(problems.map(({ line }) => line)).toEqual([30, 38]);
    expect(index).toMatchObject({ kinds: ['completion'] });
  });

  test('lists so many bad rows as one pass lists', async () => {
    const lines = rows.map((row, i) => (i % 2 === 0 ? row : `bad row ${i}`));
    const { problems, problemCount } = await expectSame(lines.join('\n'), 200, { mostProblems: 7 });
    expect(problems.map(({ line }) => line)).toEqual([2, 4, 6, 8, 10, 12, 14]);
    expect(problemCount).toBe(20);
  });

  test('may have one that is not UTF-8', async () => {
    const content = encoded(rows.join('\n'));
    content[1500] = 0xff;
    const { problems } = await expectSame(content, 256);
    expect(problems).toHaveLength(1);
    expect(problems[0].reason).toContain('not valid UTF-8');
  });

  test('may be prompts alone', async () => {
    const prompts = rows.map((_, i) => JSON.stringify({ prompt: `What is ${i}?` }));
    const { problems, index } = await expectSame(prompts.join('\n'), 100);
    expect(problems).toEqual([]);
    expect(index).toMatchObject({ kinds: ['prompt'] });
  });

  test('counts more unused columns than are listed as one pass counts them', async () => {
    const row = (more: object): string => JSON.stringify({ prompt: 'Q', completion: 'A', ...more });
    const others = Array.from({ length: 70 }, (_, i) => row({ [`column ${i}`]: 'some more words' }));
    const first = [row({ early: 1 }), ...rows, ...rows, ...rows].join('\n');
    // The second section has more columns than are listed before the one that the first has as well.
    const lines = [first, ...others, row({ early: 2 })].join('\n');
    for (const sectionBytes of [200, first.length + 1]) {
      const { unused } = await expectSame(lines, sectionBytes);
      expect(unused).toHaveLength(64);
      expect(unused.at(-1)).toEqual({ name: 'early', rows: 2, text: false });
    }
  });

  test('draws phrasings by the lines of the file', async () => {
    const mapping = { prompt: '{{prompt}}\n{{or}}\nTell me: {{prompt}}', answer: '{{completion}}' };
    await expectSame(rows.join('\n'), 200, { mapping });
    await expectSame(rows.join('\n'), 200, { mapping: { ...mapping, prompt: 'é {{prompt}}' } });
  });

  test('refuses a mapping with a column that it does not have', async () => {
    const mapping = { prompt: '{{nowhere}}', answer: '{{completion}}' };
    const content = encoded(rows.join('\n'));
    for (const sectionBytes of [200, undefined])
      await graftError(() => readIn(sectionBytes, content, { mapping }), 'data-column');
  });
});

test('each line is in one section, however long it is', () => {
  const text = ['', 'a', 'b'.repeat(5 * 2 ** 20), '', 'c'.repeat(100_000), 'd\r', 'e'].join('\n');
  const bytes = read(encoded(text));
  const all = [...linesOf(bytes)];
  for (const sectionBytes of [2 ** 15 - 1, 2 ** 20, 2 ** 22 + 1]) {
    let before = 0;
    const found = Array.from({ length: Math.ceil(bytes.length / sectionBytes) }, (_, at) => {
      const lines = [...linesIn(bytes, sectionAt(at, sectionBytes, bytes))];
      const numbered = lines.map((line) => ({ ...line, number: before + line.number }));
      before += lines.length;
      return numbered;
    });
    expect(found.flat()).toEqual(all);
  }
});
