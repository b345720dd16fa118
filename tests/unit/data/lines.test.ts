import { expect, test } from 'vitest';
import { linesOf, MAX_LINE_BYTES, type Bytes } from '../../../src/data/lines.ts';

/** Bytes that are read piece by piece, as those of a file are. */
const read = (bytes: Uint8Array): Bytes => ({
  length: bytes.length,
  subarray: (start, end) => bytes.slice(start, end),
});

test('finds the lines of a file that is read in windows', () => {
  const lengths = [
    0,
    5,
    4 * 2 ** 20 - 7,
    1,
    3 * 2 ** 20,
    9 * 2 ** 20,
    MAX_LINE_BYTES,
    0,
    17,
    MAX_LINE_BYTES + 1,
    8,
  ];
  const lines = lengths.map((length, i) => String.fromCharCode(97 + i).repeat(length));
  for (const end of ['\n', '\r\n'])
    for (const last of ['', end]) {
      const found = [...linesOf(read(new TextEncoder().encode(lines.join(end) + last)))];
      expect(found.map(({ number }) => number)).toEqual(lines.map((_, i) => i + 1));
      expect(found.map(({ length }) => length)).toEqual(lengths);
      let start = 0;
      found.forEach((line, i) => {
        const isTooLong = lengths[i] > MAX_LINE_BYTES;
        expect(line.text === (isTooLong ? '' : lines[i])).toBe(true);
        expect(line.problem !== undefined).toBe(isTooLong);
        expect(line.start).toBe(start);
        start += lengths[i] + end.length;
      });
    }
});
