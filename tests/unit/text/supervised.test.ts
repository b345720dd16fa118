/** Which tokens are learnt from: by hand on a tokenizer of three letters, and on the conversations of the bundled model. */
import { beforeAll, describe, expect, test } from 'vitest';
import { renderExample } from '../../../src/text/loss-mask.ts';
import { loadTokenizer, type Tokenizer } from '../../../src/text/tokenizer.ts';
import { IGNORED as X, type TrainableMessage } from '../../../src/text/trainable.ts';
import { memoryFiles } from '../../../src/weights/bytes.ts';
import { sprigFolder } from '../../engine/sprig.ts';

/** a, b, c, a space, and ab as one token; texts begin with <s> and end with </s>. */
const [A, B, C, AB, SPACE, BOS, EOS] = [0, 1, 2, 3, 4, 5, 6];
const special = (id: number, content: string): object => ({
  ...{ id, content, special: true, single_word: false, lstrip: false, rstrip: false, normalized: false },
});
const LETTERS = memoryFiles({
  'tokenizer.json': JSON.stringify({
    added_tokens: [special(BOS, '<s>'), special(EOS, '</s>')],
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [],
      special_tokens: { '<s>': { id: '<s>', ids: [BOS], tokens: ['<s>'] } },
    },
    model: {
      type: 'BPE',
      vocab: { a: A, b: B, c: C, ab: AB, ' ': SPACE },
      merges: ['a b'],
      unk_token: null,
    },
  }),
  'tokenizer_config.json': JSON.stringify({ bos_token: '<s>', eos_token: '</s>' }),
});

describe('by hand', () => {
  let letters: Tokenizer;
  beforeAll(async () => {
    letters = await loadTokenizer(LETTERS);
  });

  test('a text is learnt from whole, with its end and without its start', () => {
    expect(renderExample({ kind: 'text', text: 'cab c' }, letters)).toEqual({
      ids: [BOS, C, AB, SPACE, C, EOS],
      labels: [X, C, AB, SPACE, C, EOS],
      notes: [],
    });
  });

  test('a completion is learnt from with its end, and its prompt is not', () => {
    const example = { kind: 'completion', prompt: 'abc', completion: 'ab', separator: ' ' } as const;
    expect(renderExample(example, letters)).toEqual({
      ids: [BOS, AB, C, SPACE, AB, EOS],
      labels: [X, X, X, X, AB, EOS],
      notes: [],
    });
  });

  test('a token that prompt and completion share is learnt from, with a note', () => {
    const { notes, ...row } = renderExample({ kind: 'completion', prompt: 'ca', completion: 'bc' }, letters);
    expect(row).toEqual({ ids: [BOS, C, AB, C, EOS], labels: [X, X, AB, C, EOS] });
    expect(notes).toEqual([expect.stringContaining('share a token')]);
  });

  test('a token that an answer shares with what follows is learnt from', () => {
    const template =
      "{% if messages|length < 3 %}{{ raise_exception('too short') }}{% endif %}{% for m in messages %}{{ m.content }}{% endfor %}";
    const messages = [
      { role: 'user', content: 'c' },
      { role: 'assistant', content: 'ca' },
      { role: 'user', content: 'b' },
    ] as const;
    const row = renderExample({ kind: 'messages', messages }, letters, { template });
    expect([row.ids, row.labels]).toEqual([
      [C, C, AB],
      [X, C, AB],
    ]);
  });

  test('both answers of a pair start at the first token in which one of them differs from the prompt', () => {
    const side = (completion: string) => ({ kind: 'completion', prompt: 'ca', completion }) as const;
    // The chosen answer changes the last token of the prompt, and the rejected one does not.
    const pair = { kind: 'pair', chosen: side('b'), rejected: side('c') } as const;
    expect(renderExample(pair, letters)).toEqual({
      ids: [BOS, C, AB, EOS, BOS, C, A, C, EOS],
      labels: [X, X, AB, EOS, X, X, A, C, EOS],
      starts: [4],
      notes: [],
    });
  });
});

describe('in conversations of the bundled model', () => {
  const TALK: readonly TrainableMessage[] = [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'Hi' },
    { role: 'assistant', content: 'Hello.\n' },
    { role: 'user', content: 'Bye' },
    { role: 'assistant', content: 'Goodbye!' },
  ];
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    tokenizer = await loadTokenizer(sprigFolder());
  });

  /** The text that is learnt from, runs apart. */
  function learnt(messages: readonly TrainableMessage[]): string[] {
    const { ids, labels, notes } = renderExample({ kind: 'messages', messages }, tokenizer);
    expect(notes).toEqual([]);
    const runs: number[][] = [];
    labels.forEach((label, t) => {
      if (label === X) return;
      expect(label).toBe(ids[t]);
      if (labels[t - 1] === X) runs.push([]);
      runs[runs.length - 1].push(label);
    });
    return runs.map((run) => tokenizer.decode(run));
  }

  test('every turn of the assistant is learnt from, with the mark of its end', () => {
    expect(learnt(TALK)).toEqual(['Hello.\n<|im_end|>', 'Goodbye!<|im_end|>']);
  });

  test('a turn that is only context is not learnt from', () => {
    const context = TALK.map((message, at) => (at === 2 ? { ...message, supervised: false } : message));
    expect(learnt(context)).toEqual(['Goodbye!<|im_end|>']);
  });
});
