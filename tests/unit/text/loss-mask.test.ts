import { describe, expect, it } from 'vitest';
import { applyLimit } from '../../../src/text/limit.ts';
import { renderExample } from '../../../src/text/loss-mask.ts';
import { previewRow } from '../../../src/text/preview.ts';
import { loadTokenizer, type Tokenizer } from '../../../src/text/tokenizer.ts';
import {
  IGNORED,
  supervisedCount,
  type TokenRow,
  type TrainableMessage,
} from '../../../src/text/trainable.ts';
import { memoryFiles } from '../../../src/weights/bytes.ts';
import { describeShared, sharedFolder, sharedJsonl } from '../../shared.ts';

/** The text that is learnt from, runs apart. */
function supervisedText(row: TokenRow, tokenizer: Tokenizer): string[] {
  const runs: number[][] = [];
  row.labels.forEach((label, t) => {
    if (label === IGNORED) return;
    expect(label).toBe(row.ids[t]);
    if (t === 0 || row.labels[t - 1] === IGNORED) runs.push([]);
    runs[runs.length - 1].push(label);
  });
  return runs.map((run) => tokenizer.decode(run));
}

describeShared('token rows against the reference', () => {
  it('messages with SmolLM2 are rows.jsonl', async () => {
    const tokenizer = await loadTokenizer(sharedFolder('models', 'SmolLM2-135M-Instruct'));
    const data = sharedJsonl<{ messages: TrainableMessage[] }>(
      'reference',
      'SmolLM2-135M-Instruct',
      'messages.jsonl',
    );
    const rows = sharedJsonl<TokenRow>('reference', 'SmolLM2-135M-Instruct', 'rows.jsonl');
    expect(rows.length).toBeGreaterThan(10);
    expect(data).toHaveLength(rows.length);
    data.forEach(({ messages }, index) => {
      const { ids, labels, notes } = renderExample({ kind: 'messages', messages }, tokenizer);
      expect({ ids, labels }).toEqual(rows[index]);
      expect(notes).toEqual([]);
    });
  });

  it('prompt and completion with stories260K are rows.jsonl', async () => {
    const tokenizer = await loadTokenizer(sharedFolder('models', 'stories260K'));
    const data = sharedJsonl<{ prompt: string; completion: string }>(
      'reference',
      'stories260K',
      'data.jsonl',
    );
    const rows = sharedJsonl<TokenRow>('reference', 'stories260K', 'rows.jsonl');
    expect(rows).toHaveLength(40);
    data.forEach((example, index) => {
      const rendered = renderExample({ kind: 'completion', ...example }, tokenizer);
      expect(rendered.notes).toEqual([]);
      const { row } = applyLimit(rendered, 256, 'truncate-end');
      expect({ ids: row?.ids, labels: row?.labels }).toEqual(rows[index]);
    });
  });
});

describeShared('the tokens that are learnt', () => {
  let loaded: Promise<Tokenizer> | undefined;
  const smol = (): Promise<Tokenizer> =>
    (loaded ??= loadTokenizer(sharedFolder('models', 'SmolLM2-135M-Instruct')));
  const stories = (): Promise<Tokenizer> => loadTokenizer(sharedFolder('models', 'stories260K'));
  const talk: TrainableMessage[] = [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'Hi' },
    { role: 'assistant', content: 'Hello.\n' },
    { role: 'user', content: 'Bye' },
    { role: 'assistant', content: 'Goodbye!' },
  ];

  it('are every assistant turn with its marker, white space of its own included', async () => {
    const tokenizer = await smol();
    const row = renderExample({ kind: 'messages', messages: talk }, tokenizer);
    expect(supervisedText(row, tokenizer)).toEqual(['Hello.\n<|im_end|>', 'Goodbye!<|im_end|>']);
    expect(row.notes).toEqual([]);
  });

  it('leave out a turn that is context', async () => {
    const tokenizer = await smol();
    const messages = talk.map((message, i) => (i === 2 ? { ...message, supervised: false } : message));
    expect(supervisedText(renderExample({ kind: 'messages', messages }, tokenizer), tokenizer)).toEqual([
      'Goodbye!<|im_end|>',
    ]);
  });

  it('a completion is the answer to its prompt with a template, and plain text without', async () => {
    const tokenizer = await smol();
    const example = { kind: 'completion', prompt: '2+2?', completion: 'Four.', separator: '\n' } as const;
    const asChat = renderExample(example, tokenizer);
    expect(supervisedText(asChat, tokenizer)).toEqual(['Four.<|im_end|>']);
    expect(tokenizer.decode(asChat.ids)).toContain('<|im_start|>user\n2+2?<|im_end|>');
    const plain = renderExample(example, tokenizer, { template: null });
    expect(tokenizer.decode(plain.ids)).toBe('2+2?\nFour.<|im_end|>');
    expect(supervisedText(plain, tokenizer)).toEqual(['Four.<|im_end|>']);
  });

  it('all of a plain text except its first token', async () => {
    const tokenizer = await stories();
    const row = renderExample({ kind: 'text', text: 'Once upon a time' }, tokenizer);
    expect(row.ids).toEqual([1, 403, 407, 261, 378, 2]);
    expect(row.labels).toEqual([IGNORED, 403, 407, 261, 378, 2]);
  });

  it('a template that changes earlier turns: found by marks, with a note', async () => {
    const tokenizer = await smol();
    // As Qwen 3: the last answer has a thought before it, earlier ones lost theirs.
    const template =
      "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}{% if m.role == 'assistant' and loop.last %}<think></think>{% endif %}" +
      "{{ m.content + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
    const row = renderExample({ kind: 'messages', messages: talk }, tokenizer, { template });
    expect(supervisedText(row, tokenizer)).toEqual([
      'Hello.\n<|im_end|>',
      '<think></think>Goodbye!<|im_end|>',
    ]);
    expect(row.notes).toHaveLength(1);
    expect(row.notes[0]).toContain('by rendering the whole with marks');
  });

  it('a template that refuses half a conversation', async () => {
    const tokenizer = await smol();
    const template =
      "{% if messages|length < 5 %}{{ raise_exception('too short') }}{% endif %}{% for m in messages %}{{ m.role + ':\n' + m.content + '<|im_end|>\n' }}{% endfor %}";
    const row = renderExample({ kind: 'messages', messages: talk }, tokenizer, { template });
    expect(supervisedText(row, tokenizer)).toEqual(['Hello.\n<|im_end|>', 'Goodbye!<|im_end|>']);
    expect(row.notes).toHaveLength(1);
  });

  it('an answer that ends inside a token: the token is learnt', async () => {
    const tokenizer = await smol();
    const template =
      "{% if messages|length < 2 %}{{ raise_exception('too short') }}{% endif %}{% for m in messages %}{{ m.role + ':\n' + m.content }}{% endfor %}ly and so on";
    const messages = [talk[1], { role: 'assistant', content: 'friend' } as const, talk[3]];
    const row = renderExample({ kind: 'messages', messages }, tokenizer, {
      template: template.replace('}}{% endfor %}', "+ 'ly\n' }}{% endfor %}"),
    });
    expect(supervisedText(row, tokenizer)).toEqual(['friendly']);
  });

  it('a template without an end of turn: eos is added, with a note', async () => {
    const tokenizer = await smol();
    const template =
      "{% for m in messages %}{{ m.role + ': ' + m.content + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}";
    const row = renderExample({ kind: 'messages', messages: talk.slice(1, 3) }, tokenizer, { template });
    expect(supervisedText(row, tokenizer)[0]).toMatch(/Hello\.<\|im_end\|>$/);
    expect(row.ids[row.ids.length - 1]).toBe(2);
    expect(row.notes[0]).toContain('eos');
  });

  it('an answer whose first line break joins the one before it: the token that has both is learnt, with a note', async () => {
    const tokenizer = await smol();
    const messages = [talk[1], { role: 'assistant', content: '\n\nHello.' } as const];
    const row = renderExample({ kind: 'messages', messages }, tokenizer);
    expect(supervisedText(row, tokenizer)).toEqual(['\n\n\nHello.<|im_end|>']);
    expect(row.notes[0]).toContain('share a token');
  });

  it('a prompt that shares a token with its answer says so', async () => {
    const tokenizer = await stories();
    const row = renderExample({ kind: 'completion', prompt: 'Once upon a ti', completion: 'me' }, tokenizer);
    expect(row.ids).toEqual([1, 403, 407, 261, 378, 2]);
    expect(row.labels).toEqual([IGNORED, IGNORED, IGNORED, IGNORED, 378, 2]);
    expect(row.notes[0]).toContain('share a token');
  });
});

describe('a tokenizer without bos', () => {
  it('still learns nothing at the first token', async () => {
    const letters = Object.fromEntries([...'abc'].map((letter, id) => [letter, id]));
    const file = { model: { type: 'BPE', vocab: letters, merges: [], unk_token: null }, added_tokens: [] };
    const tokenizer = await loadTokenizer(memoryFiles({ 'tokenizer.json': JSON.stringify(file) }));
    const row = renderExample({ kind: 'text', text: 'abc' }, tokenizer);
    expect(row).toEqual({ ids: [0, 1, 2], labels: [IGNORED, 1, 2], notes: [] });
    expect(renderExample({ kind: 'completion', prompt: '', completion: 'ab' }, tokenizer).labels).toEqual([
      IGNORED,
      1,
    ]);
  });
});

describe('the limit', () => {
  const X = IGNORED;
  const row: TokenRow = { ids: [1, 10, 11, 12, 13, 20, 21, 2], labels: [X, X, X, X, X, 20, 21, 2] };

  it('leaves a row that fits', () => {
    expect(applyLimit(row, 8, 'drop')).toEqual({ row, cut: false, supervised: 3, removed: [] });
  });

  it('truncate-end', () => {
    const limited = applyLimit(row, 6, 'truncate-end');
    expect(limited.row).toEqual({ ids: [1, 10, 11, 12, 13, 20], labels: [X, X, X, X, X, 20] });
    expect([limited.cut, limited.supervised, limited.removed]).toEqual([true, 1, [[6, 8]]]);
    expect(applyLimit(row, 5, 'truncate-end').supervised).toBe(0);
  });

  it('truncate-prompt keeps bos and the answer', () => {
    const limited = applyLimit(row, 5, 'truncate-prompt', 1);
    expect(limited.row).toEqual({ ids: [1, 13, 20, 21, 2], labels: [X, X, 20, 21, 2] });
    expect(limited.removed).toEqual([[1, 4]]);
    const shorter = applyLimit(row, 3, 'truncate-prompt', 1);
    expect(shorter.row).toEqual({ ids: [1, 13, 20], labels: [X, X, 20] });
    expect(shorter.removed).toEqual([
      [1, 4],
      [6, 8],
    ]);
    expect(applyLimit(row, 5, 'truncate-prompt').row).toEqual({
      ids: [12, 13, 20, 21, 2],
      labels: [X, X, 20, 21, 2],
    });
  });

  it('drop', () => {
    expect(applyLimit(row, 7, 'drop')).toEqual({
      row: undefined,
      cut: true,
      supervised: 0,
      removed: [[0, 8]],
    });
  });

  it('never learns the first token', () => {
    const all: TokenRow = { ids: [5, 6, 7], labels: [5, 6, 7] };
    expect(supervisedCount(all)).toBe(2);
    expect(applyLimit(all, 2, 'truncate-end').row?.labels).toEqual([X, 6]);
  });
});

describeShared('the preview', () => {
  it("adds up to the row's text and flags tokens", async () => {
    const tokenizer = await loadTokenizer(sharedFolder('models', 'stories260K'));
    const row = renderExample({ kind: 'completion', prompt: 'Say 🙂 ', completion: 'ok 🙂' }, tokenizer);
    const limited = applyLimit(row, row.ids.length - 2, 'truncate-end');
    const { tokens } = previewRow(row, limited, tokenizer);
    expect(tokens.map(({ text }) => text).join('')).toBe(tokenizer.decode(row.ids));
    expect(tokens.filter(({ cut }) => cut)).toHaveLength(2);
    expect(tokens.map(({ supervised }) => supervised)).toEqual(row.labels.map((label) => label !== IGNORED));
  });
});
