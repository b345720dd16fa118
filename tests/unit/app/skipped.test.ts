/** Records that an import skipped: a line for each reason. */
import { expect, test } from 'vitest';
import { byReason } from '../../../src/app/storage/skipped.ts';

test('records that are skipped for one reason are one line, with a count', () => {
  const projects = Array.from({ length: 32 }, (_, i) => ({ what: `Project “${i}”`, why: 'Here already.' }));
  expect(byReason([...projects, { what: 'Run “a”', why: 'Its rows are damaged.' }])).toEqual([
    { what: 'Project “0” and 31 more', why: 'Here already.' },
    { what: 'Run “a”', why: 'Its rows are damaged.' },
  ]);
  expect(byReason([])).toEqual([]);
});
