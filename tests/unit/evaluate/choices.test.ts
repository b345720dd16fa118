/** The choices of an evaluation by likelihood: labels of the data, or a column of each row, and their tokens after a prompt. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { Question } from '../../../src/data/questions.ts';
import {
  ChoiceTokens,
  choicesFrom,
  choicesOf,
  chosenFrom,
  withChoices,
} from '../../../src/evaluate/choices.ts';
import type { AskedQuestion } from '../../../src/evaluate/methods/method.ts';
import type { Tokenizer } from '../../../src/text/tokenizer.ts';
import { graftError } from '../expect-graft-error.ts';
import { openSprig } from '../worker/open-sprig.ts';

const question = (expected: string, task?: string): Question => ({
  ...{ prompt: 'q', expected, ask: 'q' },
  ...(task !== undefined && { task }),
});
const asked = (expected: string, columns?: Record<string, unknown>): AskedQuestion => ({
  question: question(expected),
  example: { kind: 'completion', prompt: 'q', completion: expected, line: 7, ...(columns && { columns }) },
});
const textsOf = (rows: readonly AskedQuestion[]): unknown[] => rows.map((row) => row.question.choices?.texts);

describe('labels', () => {
  const from = choicesFrom('labels');

  test('are the different answers of all rows, ignoring white space at the ends', () => {
    const answered = ['yes', 'no', ' yes', 'yes', 'no', 'maybe', 'maybe'].map((text) => question(text));
    const rows = withChoices([asked('no'), asked('yes')], answered, from);
    expect(textsOf(rows)).toEqual([
      ['maybe', 'no', 'yes'],
      ['maybe', 'no', 'yes'],
    ]);
    expect(chosenFrom(from, rows)).toEqual({ from: 'labels', texts: ['maybe', 'no', 'yes'], ends: false });
  });

  test('are those of the task in a mixture', () => {
    const answered = ['a', 'b', 'a', 'b'].map((text) => question(text, 'one'));
    const others = ['c', 'd', 'c', 'd'].map((text) => question(text, 'two'));
    const rows = withChoices(
      [{ question: answered[0] }, { question: others[0] }],
      [...answered, ...others],
      from,
    );
    expect(textsOf(rows)).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ]);
    expect(chosenFrom(from, rows)).toEqual({ from: 'labels', ends: false });
  });

  test('are refused where answers are free text, the same in every row, or missing', async () => {
    const fails = (texts: readonly string[]): Promise<{ what: string }> =>
      graftError(
        () =>
          withChoices(
            [asked('x')],
            texts.map((text) => question(text)),
            from,
          ),
        'choices',
      );
    expect((await fails(['one', 'two', 'three', 'three'])).what).toContain('4 rows');
    expect((await fails(['same', 'same '])).what).toContain('"same"');
    expect((await fails(['', ''])).what).toContain('No row');
    const many = Array.from({ length: 2002 }, (_, at) => `label ${at % 1001}`);
    expect((await fails(many)).what).toContain('1001 different answers');
  });
});

describe('a column', () => {
  test('has a list of texts, also as JSON, or in the field that ARC has', () => {
    const rows = withChoices(
      [
        asked('b', { options: ['a', 'b'] }),
        asked('c', { options: '["c", "d", "e"]' }),
        asked(' f', { options: { text: ['f', 'g'], label: ['A', 'B'] } }),
      ],
      [],
      choicesFrom('options'),
    );
    expect(textsOf(rows)).toEqual([
      ['a', 'b'],
      ['c', 'd', 'e'],
      ['f', 'g'],
    ]);
    expect(chosenFrom(choicesFrom('options'), rows)).toEqual({
      from: 'column',
      column: 'options',
      ends: false,
    });
  });

  test('may be called labels', () => {
    expect(choicesFrom('column:labels')).toEqual({ from: 'column', column: 'labels' });
  });

  test.each([
    ['no column "options"', 'a', {}],
    ['no list', 'a', { options: ['a'] }],
    ['no list', 'a', { options: ['a', 'a '] }],
    ['no list', 'a', { options: ['a', 2] }],
    ['no list', 'a', { options: 'a, b' }],
    ['not one of its choices', 'c', { options: ['a', 'b'] }],
    ['no answer', '', { options: ['a', 'b'] }],
  ])('is refused with the line of the row: %s', async (why, expected, columns) => {
    const error = await graftError(
      () => withChoices([asked(expected, columns)], [], choicesFrom('options')),
      'choices',
    );
    expect(error.what).toContain('line 7');
    expect(error.what).toContain(why);
  });
});

describe('tokens of choices', () => {
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    ({ tokenizer } = await openSprig());
  });

  test('continue the prompt as its text with the choice would, and are made once for prompts that end alike', () => {
    const tokens = new ChoiceTokens(tokenizer);
    const choices = choicesOf(['The owl', 'a school']);
    const prompt = tokenizer.encode('Who lives here?\n');
    const ids = tokens.after(prompt, choices);
    expect(ids.map((one) => [...prompt, ...one])).toEqual(
      choices.texts.map((text) => tokenizer.encode(`Who lives here?\n${text}`)),
    );
    expect(tokens.after(tokenizer.encode('And where?\n'), choices)).toBe(ids);
  });

  test('have the end of the answer where one choice begins another', () => {
    expect(choicesOf(['card', 'cash', 'card lost'])).toMatchObject({ ends: true });
    expect(choicesOf(['card', 'cash'])).toMatchObject({ ends: false });
    const [first, second] = new ChoiceTokens(tokenizer).after([5], choicesOf(['card', 'card lost']));
    expect([first.at(-1), second.at(-1)]).toEqual([tokenizer.eosId, tokenizer.eosId]);
  });
});
