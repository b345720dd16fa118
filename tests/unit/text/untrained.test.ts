/** Parts of answers that are context only: in rows of files, in the loss mask, and in what is written. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { withField } from '../../../src/data/edit-fields.ts';
import { ExampleReader } from '../../../src/data/formats.ts';
import { markableIn, markedTexts, withMarked } from '../../../src/data/mark-untrained.ts';
import { rawContentAs } from '../../../src/data/raw-content.ts';
import { hashesOf } from '../../../src/data/row-hashes.ts';
import { identityOf } from '../../../src/data/statistics.ts';
import { writeRows } from '../../../src/data/write-rows.ts';
import { conversationOf } from '../../../src/runs/graduate/rest-of-run.ts';
import { renderExample } from '../../../src/text/loss-mask.ts';
import { loadTokenizer, type Tokenizer } from '../../../src/text/tokenizer.ts';
import { IGNORED, type ExampleContent } from '../../../src/text/trainable.ts';
import { textsOfTokens } from '../../../src/text/token-text.ts';
import { memoryFiles } from '../../../src/weights/bytes.ts';
import { smallTokenizer } from '../../small-tokenizer.ts';
import { graftError } from '../expect-graft-error.ts';
import { openSprig } from '../worker/open-sprig.ts';

const { tokenizer: sprig } = await openSprig();

const bytesOf = (rows: readonly object[]): Uint8Array<ArrayBuffer> =>
  new TextEncoder().encode(rows.map((row) => JSON.stringify(row)).join('\n'));
function read(bytes: Uint8Array<ArrayBuffer>, fileName = 'rows.jsonl') {
  const reader = new ExampleReader(bytes, { fileName });
  for (const _ of reader.read());
  return reader.result();
}
/** What is learned, run by run. */
function learned(example: ExampleContent, tokenizer: Tokenizer, template?: null): string[] {
  const { labels } = renderExample(example, tokenizer, template === null ? { template } : {});
  const runs: number[][] = [];
  labels.forEach((label, t) => {
    if (label === IGNORED) return;
    if (labels[t - 1] === IGNORED) runs.push([]);
    runs[runs.length - 1].push(label);
  });
  return runs.map((run) =>
    textsOfTokens(run, tokenizer, {})
      .map(({ text }) => text)
      .join(''),
  );
}

const ANSWER = 'I think it is grass.';
const marked = (untrained: readonly (readonly [number, number])[], completion = ANSWER): ExampleContent => ({
  ...{ kind: 'completion', prompt: 'What does the goat eat?', completion, untrained },
});

describe('an answer with untrained parts', () => {
  test('is learned from without them, with and without a chat template', () => {
    expect(learned(marked([]), sprig).join('')).toContain(ANSWER);
    for (const template of [undefined, null] as const) {
      const [first, ...others] = learned(marked([[0, 13]]), sprig, template);
      expect(first).toMatch(/^ grass\./);
      expect(others).toEqual([]);
      // The space is the beginning of the token that goes on with “gr”.
      expect(learned(marked([[0, 14]]), sprig, template)[0]).toMatch(/^ass\./);
    }
  });

  test('leaves turns before the marked one as they are, and keeps the end of the turn', () => {
    const messages = [
      { role: 'user', content: 'Hay?' },
      { role: 'assistant', content: 'Yes.' },
      { role: 'user', content: 'And?' },
      { role: 'assistant', content: 'Yes. Grass.', untrained: [[5, 11]] },
    ] as const;
    const unmarked = messages.map(({ role, content }) => ({ role, content }));
    const [all, left] = [unmarked, messages].map((given) =>
      learned({ kind: 'messages', messages: given }, sprig),
    );
    expect(left[0]).toBe(all[0]);
    expect(left.join('')).toBe(all.join('').replace('Grass.', ''));
  });

  test('has every token learned that has no character of a part, and no other', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'the ', ' go', 'ing', 'é', '🐐', '\n', 'Z') });
    fc.assert(
      fc.property(text, fc.nat(20), fc.nat(20), (completion, from, length) => {
        const all = [...completion];
        fc.pre(from < all.length);
        const to = Math.min(all.length, from + length + 1);
        const [start, end] = [all.slice(0, from).join('').length, all.slice(0, to).join('').length];
        const plain: ExampleContent = { kind: 'completion', prompt: 'Say: ', completion };
        const before = renderExample(plain, sprig, { template: null });
        const after = renderExample({ ...plain, untrained: [[from, to]] }, sprig, { template: null });
        const first = sprig.startId === undefined ? 0 : 1;
        expect(after.ids).toEqual(before.ids);
        let own = [0, 0];
        textsOfTokens(before.ids.slice(first, -1), sprig, {}).forEach(({ text: shown }, i) => {
          if (shown !== '') own = [own[1], own[1] + shown.length];
          const at = own[0] - 'Say: '.length;
          const isMarked = at < end && start < at + own[1] - own[0];
          expect(after.labels[i + first]).toBe(isMarked ? IGNORED : before.labels[i + first]);
        });
      }),
      { numRuns: 60, seed: 3 },
    );
  });

  test('never learns from a part if the tokens do not spell the text', async () => {
    const files = smallTokenizer();
    const json = JSON.parse(files['tokenizer.json']) as Record<string, unknown>;
    const lower = JSON.stringify({ ...json, normalizer: { type: 'Lowercase' } });
    const tokenizer = await loadTokenizer(memoryFiles({ ...files, 'tokenizer.json': lower }));
    const example = { kind: 'completion', prompt: 'A', completion: 'OneTHOther' } as const;
    expect(learned(example, tokenizer).join('')).toContain('onethother');
    const left = learned({ ...example, untrained: [[4, 6]] }, tokenizer).join('|');
    // The token of “th” is cut by the part.
    expect(left).toContain('one|');
    expect(left).toMatch(/\|t?her/);
  });

  test('is refused if the template writes another answer', async () => {
    const template = '{% for m in messages %}{{ m.role }}: {{ m.content | upper }}\n{% endfor %}';
    await graftError(() => renderExample(marked([[0, 2]]), sprig, { template }), 'chat-template-untrained');
  });
});

describe('rows with untrained parts', () => {
  const rows = [
    { prompt: 'What?', completion: 'Grass 🐐 now', untrained: [[6, 7]] },
    {
      messages: [
        { role: 'user', content: 'What?' },
        {
          role: 'assistant',
          content: 'Grass',
          untrained: [
            [0, 2],
            [3, 5],
          ],
        },
      ],
    },
  ];

  test('are read, and written again as they were', async () => {
    const { examples, problems } = read(bytesOf(rows));
    expect(problems).toEqual([]);
    expect(examples[0]).toMatchObject({ kind: 'completion', untrained: [[6, 7]] });
    const jsonl = new Blob([...writeRows(examples, 'jsonl', 'own')]);
    expect(read(new Uint8Array(await jsonl.arrayBuffer())).examples).toEqual(examples);
    const { messages } = rawContentAs(examples[0], 'messages');
    expect(messages).toMatchObject([{}, { untrained: [[6, 7]] }]);
    const parquet = new Blob([...writeRows([examples[1]], 'parquet', 'own')]);
    const again = read(new Uint8Array(await parquet.arrayBuffer()), 'rows.parquet').examples;
    expect(again.map(({ line: _, ...content }) => content)).toEqual(
      [examples[1]].map(({ line: _, ...content }) => content),
    );
  });

  test('are refused by name for parts that are not in the text, and for answers that are compared', () => {
    const bad = [
      [[0, 99]],
      [[3, 3]],
      [
        [4, 5],
        [0, 1],
      ],
      [[0.5, 1]],
      'all',
      [[1]],
    ];
    const { problems, examples } = read(
      bytesOf([
        ...bad.map((untrained) => ({ prompt: 'a', completion: 'grass', untrained })),
        { prompt: 'a', completion: 'grass', label: true, untrained: [[0, 1]] },
      ]),
    );
    expect(examples).toEqual([]);
    expect(problems.map(({ reason }) => reason)).toEqual([
      'untrained[0] is [0, 99], but parts are in order, not empty, and end by 5, the characters of the text',
      expect.stringContaining('untrained[0] is [3, 3]'),
      expect.stringContaining('untrained[1] is [0, 1]'),
      expect.stringContaining('[start, end] is needed'),
      expect.stringContaining('a list of [start, end] is needed'),
      expect.stringContaining('[start, end] is needed'),
      expect.stringContaining('untrained is for answers that are learned from'),
    ]);
  });

  test('are not copies of the same rows without them', () => {
    const [one, other] = [marked([[0, 2]]), marked([[0, 3]])];
    expect(identityOf(one)).not.toBe(identityOf(other));
    expect(hashesOf({ ...one, line: 1 })).not.toEqual(hashesOf({ ...other, line: 1 }));
  });

  test('lose the parts of an answer that is written anew, and keep them otherwise', () => {
    const example = marked([[0, 2]]);
    expect(withField(example, 'prompt', 'Why?')).toMatchObject({ prompt: 'Why?', untrained: [[0, 2]] });
    expect(withField(example, 'answer', 'Hay.')).not.toHaveProperty('untrained');
  });

  test('are refused by a program that learns whole turns', async () => {
    await graftError(() => conversationOf(marked([[0, 2]]), 'axolotl'), 'graduate');
    expect(conversationOf({ kind: 'completion', prompt: 'a', completion: 'b' }, 'axolotl')).toHaveLength(2);
  });
});

describe('a part that a person selects', () => {
  const turns: ExampleContent = {
    kind: 'messages',
    messages: [
      { role: 'user', content: 'Hay?' },
      { role: 'assistant', content: 'Well 🐐 yes' },
    ],
  };
  const marksOf = (content: ExampleContent, id = 'turn 2'): string[] => {
    const answer = markableIn(content, id);
    return answer ? markedTexts(answer) : [];
  };

  test('is marked, joined with its neighbours, and trained on again', () => {
    const one = withMarked(turns, 'turn 2', { start: 0, end: 4 }, false);
    expect(marksOf(one)).toEqual(['Well']);
    const joined = withMarked(one, 'turn 2', { start: 4, end: 6 }, false);
    // Half of the character is selected in UTF-16 units.
    expect(marksOf(joined)).toEqual(['Well 🐐']);
    expect(marksOf(withMarked(joined, 'turn 2', { start: 1, end: 3 }, true))).toEqual(['W', 'l 🐐']);
    expect(withMarked(joined, 'turn 2', { start: 0, end: 99 }, true)).toEqual(turns);
  });

  test('is of an answer that is learned from, or nothing is marked', () => {
    const all = { start: 0, end: 3 };
    expect(withMarked(turns, 'turn 1', all, false)).toBe(turns);
    expect(marksOf(withMarked(marked([]), 'answer', all, false), 'answer')).toEqual(['I t']);
    const side = { kind: 'completion', prompt: 'a', completion: 'b' } as const;
    expect(markableIn({ kind: 'unpaired', answer: side, desirable: true }, 'answer')).toBeUndefined();
  });
});
