/** What `graft evaluate` says of the rows that it asks, and of those that it does not. */
import { describe, expect, test } from 'vitest';
import { askedInWords, methodLeftOutInWords, noRows } from '../../../src/cli/evaluate-session-rows.ts';
import { ASKED_PARTS } from '../../../src/cli/evaluate-flags.ts';

const draw = (of: number, tooLong = 0): Parameters<typeof askedInWords>[2] => ({ seed: 42, of, tooLong });

describe('the rows that were asked', () => {
  test('names the rows that are reserved, and counts no row twice', () => {
    const reserved = { examples: [{ row: 1, line: 2 }], copies: 0 };
    expect(askedInWords('all', 319, { ...draw(319), reserved })).toBe(
      'All 319 rows. 1 row (line 2) is reserved as an example, since the data has no others: no method answers it.',
    );
  });

  test('names the flag that asks all, if a part of them was drawn', () => {
    expect(askedInWords('all', 100, draw(320))).toBe(
      '100 of 320 rows, drawn at random with seed 42. --rows 320 asks all of them.',
    );
    expect(askedInWords('validation', 100, draw(320))).toBe(
      '100 of 320 validation rows, drawn at random with seed 42. --rows 320 asks all of them.',
    );
    expect(askedInWords('test', 100, draw(320))).toMatch(
      /^100 of 320 test rows.*, drawn at random with seed 42\. --rows 320 asks all of them\.$/,
    );
  });

  test('names no flag if all were asked', () => {
    expect(askedInWords('all', 320, draw(320))).toBe('All 320 rows.');
    expect(askedInWords('train', 318, draw(320, 2))).toBe(
      '318 of 320 training rows. 2 rows left out: too long for this model to answer.',
    );
    expect(askedInWords('test', 40, draw(40))).not.toContain('--rows');
  });
});

test('a part without rows says in plain words what to do', () => {
  const said = ASKED_PARTS.map((part) => noRows(part));
  expect(said.map(({ what }) => what)).toEqual([
    'The data has no test rows.',
    'The data has no validation rows.',
    'The data has no training rows.',
    'The data has no row that can be measured.',
  ]);
  expect(said[0].remedy).toMatch(/--test-data .*--test-fraction .*--split all/);
  // Nobody who measures the whole file is sent to a part of it, or back.
  expect(said[3].remedy).not.toMatch(/--/);
});

test('a method without training rows says why there are none', () => {
  expect(methodLeftOutInWords('Nearest row', 'all', 0)).toBe(
    'Nearest row: left out, since all rows are measured, and no training rows are there to answer from.',
  );
  expect(methodLeftOutInWords('Nearest row', 'test', 0)).toBe(
    'Nearest row: left out, since there are no training rows to answer from.',
  );
  expect(methodLeftOutInWords('Base, with examples', 'test', 1)).toBe(
    'Base, with examples: left out, since there is only 1 training row to answer from.',
  );
});
