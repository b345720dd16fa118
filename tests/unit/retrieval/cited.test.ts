/** What an answer says of its passages. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  isFromPassages,
  isRefusal,
  markQuotes,
  MarkedStream,
  readAnswer,
} from '../../../src/retrieval/cited.ts';

const PASSAGES = [
  { text: 'Peas climb a net.\nThey like *cool* weather, and water.' },
  { text: 'Beans need warmth. Sow them in May.' },
];

describe('marks', () => {
  test('name passages, each once and in the order of the answer', () => {
    expect(readAnswer('In May [2]. A net [1, 2], and more [7].', PASSAGES)).toMatchObject({
      cited: [2, 1],
      unknown: [7],
    });
    expect(readAnswer('Array[0] and [x] and []', PASSAGES)).toMatchObject({ cited: [], unknown: [0] });
  });
});

describe('quotes', () => {
  test.each([
    ['“they like cool weather”', 1],
    ['"Peas climb a net. They like"', 1],
    ['«Sow them in May»', 2],
    ['“Peas climb … cool weather”', 1],
    ['“Peas climb the net”', null],
    ['“Peas climb … Sow them”', null],
  ])('%s is in passage %s', (answer, passage) => {
    expect(readAnswer(`It says ${answer} [1].`, PASSAGES).quotes.map((one) => one.passage)).toEqual([
      passage,
    ]);
  });

  test('are texts of three words and more', () => {
    expect(readAnswer('The “cool weather” and the "net"', PASSAGES).quotes).toEqual([]);
  });

  test('are marked in the answer if no passage holds them, and only then', () => {
    const answer = 'First “peas climb a net” [1], then "beans climb a wall" [2].';
    expect(markQuotes(answer, PASSAGES)).toBe(
      'First “peas climb a net” [1], then "beans climb a wall" (not in the passages) [2].',
    );
  });

  test('are marked the same whatever the pieces in which an answer comes', () => {
    const part = fc.constantFrom(
      '"peas climb a net"',
      '“all is very well”',
      '"',
      '“',
      ' said ',
      '\n',
      '[1]',
      'x”',
    );
    fc.assert(
      fc.property(fc.array(part), fc.array(fc.nat({ max: 7 })), (parts, lengths) => {
        const answer = parts.join('');
        const stream = new MarkedStream(PASSAGES);
        let [given, at] = ['', 0];
        for (const length of lengths) {
          given += stream.push(answer.slice(at, at + length));
          at += length;
        }
        given += stream.push(answer.slice(at)) + stream.end();
        expect(given).toBe(markQuotes(answer, PASSAGES));
      }),
    );
  });

  test('are withheld until they end, and no other text is', () => {
    const stream = new MarkedStream(PASSAGES);
    expect(stream.push('It says "beans climb')).toBe('It says ');
    expect(stream.push(' a wall" and')).toBe('"beans climb a wall" (not in the passages) and');
  });
});

test.each([
  ['The documents do not say.', true],
  ['Sorry: the documents do not say that.', true],
  ['The documents don’t say', true],
  ['The document does not say it.', true],
  ['The documents say it in May.', false],
  ['', false],
])('%s: refuses is %s', (answer, refuses) => {
  expect(isRefusal(answer)).toBe(refuses);
});

test.each([
  ['Peas like cool weather [1].', true],
  ['Sow beans in May [2], peas climb a net.', true],
  ['Plant tomatoes under glass in April [1].', false],
  ['[1]', false],
])('%s: is from the passages is %s', (answer, isFrom) => {
  expect(isFromPassages(answer, PASSAGES)).toBe(isFrom);
});
