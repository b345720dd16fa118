/** Answers cut at their marks and quotes. */
import { describe, expect, test } from 'vitest';
import { citedParts } from '../../../src/app/use/documents/cited-parts.ts';

const PASSAGES = [{ text: 'Sow beans in May, after the last frost.' }, { text: 'Peas climb a net.' }];
const textOf = (answer: string): string =>
  citedParts(answer, PASSAGES)
    .map(({ text }) => text)
    .join('');

describe('an answer from passages', () => {
  test('has its marks, and says which of them name no passage', () => {
    expect(citedParts('In May [1], says [2, 3].', PASSAGES)).toEqual([
      { kind: 'text', text: 'In May ' },
      { kind: 'mark', text: '[1]', numbers: [{ number: 1, known: true }] },
      { kind: 'text', text: ', says ' },
      {
        kind: 'mark',
        text: '[2, 3]',
        numbers: [
          { number: 2, known: true },
          { number: 3, known: false },
        ],
      },
      { kind: 'text', text: '.' },
    ]);
  });

  test('has its quotes with the passage that holds them, or none', () => {
    const parts = citedParts('It says "after the last frost" and “before the first snow”.', PASSAGES);
    expect(parts.filter(({ kind }) => kind === 'quote')).toEqual([
      { kind: 'quote', text: 'after the last frost', passage: 1 },
      { kind: 'quote', text: 'before the first snow', passage: null },
    ]);
  });

  test.each([
    '',
    'Nothing to mark.',
    '[1]',
    '"Peas climb a net [2]." [2]',
    '[0] <b>"sow beans in May"</b>\n[99]',
  ])('keeps every character: %j', (answer) => expect(textOf(answer)).toBe(answer));
});
