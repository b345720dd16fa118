/** JSON objects byte by byte, against JSON.parse and TextDecoder. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  isComplete,
  isInCharacter,
  JSON_START,
  MAX_SPACES,
  stepJson,
  type JsonState,
} from '../../../src/text/json-automaton.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** The state after some bytes; undefined if no object begins so. */
function read(bytes: Iterable<number>, from: JsonState = JSON_START): JsonState | undefined {
  let state: JsonState | undefined = from;
  for (const byte of bytes) if (state) state = stepJson(state, byte);
  return state;
}
const isBeginning = (text: string): boolean => read(bytesOf(text)) !== undefined;
const isWhole = (text: string): boolean => {
  const state = read(bytesOf(text));
  return state !== undefined && isComplete(state);
};

/** Objects as text: with indentation, in ASCII escapes, and with numbers as other programs write them. */
const objectTexts = fc
  .tuple(
    fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 3 })),
    fc.constantFrom(0, 1, 4, '\t', '\r\n'),
    fc.boolean(),
    fc.boolean(),
  )
  .map(([object, indent, escapes, exponents]) => {
    let text = JSON.stringify(object, null, indent === '\r\n' ? 0 : indent);
    if (indent === '\r\n') text = `\r\n${text}\r\n`;
    if (escapes)
      text = text.replace(/[^\0-~]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
    return exponents ? text.replace(/: ?(\d+)(?=[,}\n])/g, ':-$1.50E+03') : text;
  });

test('accepts every beginning of a JSON object, and is complete at its last bracket', () => {
  fc.assert(
    fc.property(objectTexts, (text) => {
      expect(typeof JSON.parse(text)).toBe('object');
      const bytes = bytesOf(text);
      const end = text.lastIndexOf('}');
      const length = bytesOf(text.slice(0, end)).length;
      let state: JsonState | undefined = JSON_START;
      for (const [at, byte] of bytes.entries()) {
        state = stepJson(state, byte);
        if (!state) throw new Error(`Refused at byte ${at} of ${text}`);
        expect(isComplete(state)).toBe(at >= length);
      }
    }),
    { numRuns: 150 },
  );
});

/** The brackets that a text leaves open, closed. */
function brackets(text: string): string {
  const bare = text.replace(/"(?:\\.|[^"\\])*(?:"|$)/gs, '');
  let closing = '';
  for (const character of bare)
    if (character === '{') closing = `}${closing}`;
    else if (character === '[') closing = `]${closing}`;
    else if (character === '}' || character === ']') closing = closing.slice(1);
  return closing;
}

const ENDS_OF_TOKENS = ['', 'n', '0', '00', '000', '0000', '"', '"":0', '{'];
const ENDS_OF_LITERALS = ['rue', 'ue', 'alse', 'lse', 'se', 'e', 'ull', 'll', 'l'];
const ENDS_OF_MEMBERS = ['', '"', '":0', ':0', '0'];

/** Whether JSON.parse reads the text with one of the ends that the beginning of an object can need. */
function canBecomeObject(text: string): boolean {
  const ends = ENDS_OF_TOKENS.flatMap((end) => ENDS_OF_MEMBERS.map((rest) => end + rest));
  return [...ends, ...ENDS_OF_LITERALS].some((end) => {
    const whole = text + end + brackets(text + end);
    try {
      const value: unknown = JSON.parse(whole);
      return typeof value === 'object' && value !== null && !Array.isArray(value);
    } catch {
      return false; // not this end
    }
  });
}

const BYTES = [...'{}[]":,-+.eE0159tfnrulsxaFg\\/ \n\t\r\b\x01\x7f'];

test('refuses exactly the bytes after which JSON.parse can read no end', () => {
  fc.assert(
    fc.property(
      objectTexts.filter((text) => /^[\0-\x7f]*$/.test(text)),
      fc.nat(),
      (text, cut) => {
        const before = text.slice(0, cut % (text.length + 1));
        for (const byte of BYTES) {
          const next = before + byte;
          expect([next, isBeginning(next)]).toEqual([next, canBecomeObject(next)]);
        }
      },
    ),
    { numRuns: 60 },
  );
});

test.each([
  '{"a":01}',
  '{"a":1.}',
  '{"a":.5}',
  '{"a":+1}',
  '{"a":1e}',
  '{"a":truth}',
  "{'a':1}",
  '{a:1}',
  '{"a":1,}',
  '{"a":[1,]}',
  '{"a":[}',
  '{"a"}',
  '{"a":"\n"}',
  '{"a":"\\x41"}',
  '{"a":"\\u00g0"}',
  '{"a":1}}',
  '{"a":1}{',
  '[1]',
  '"a"',
  '\uFEFF{}',
])('refuses %j', (text) => {
  expect(isBeginning(text)).toBe(false);
});

test('accepts the ends of nested lists and objects, and white space around everything', () => {
  expect(isWhole(' { "a" : [ [ ] , { } , -0 , 1e-7 , true , null ] , "" : "\\u00e9\\/" } \n')).toBe(true);
  expect(isWhole('{"a":1')).toBe(false);
});

test('bounds white space in a row, and not in strings', () => {
  const spaces = ' '.repeat(MAX_SPACES);
  expect(isWhole(`${spaces}{${spaces}}${spaces}`)).toBe(true);
  expect(isBeginning(`${spaces} `)).toBe(false);
  expect(isBeginning(`{"a":\n${spaces}`)).toBe(false);
  expect(isWhole(`{"a":"${spaces}${spaces}"}`)).toBe(true);
});

test('reads in strings the bytes that TextDecoder takes for UTF-8', () => {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const inString = read(bytesOf('{"'))!;
  const isText = (bytes: readonly number[]): boolean => {
    try {
      decoder.decode(Uint8Array.from(bytes));
      return true;
    } catch {
      return false; // not UTF-8
    }
  };
  const limits = [0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0];
  const after = (first: readonly number[]): number[][] => limits.map((byte) => [...first, byte]);
  const wrong: number[][] = [];
  for (let first = 0x80; first <= 0xff; first++) {
    const two = after([first]);
    const three = two.flatMap(after);
    for (const bytes of [[first], ...two, ...three, ...three.flatMap(after)]) {
      const state = read(bytes, inString);
      const isWholeText = state !== undefined && !isInCharacter(state);
      if (isWholeText !== isText(bytes)) wrong.push(bytes);
    }
  }
  expect(wrong).toEqual([]);
});
