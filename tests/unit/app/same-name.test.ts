/** Adapters of one name can be told apart in a list. */
import { expect, test } from 'vitest';
import { namedApart } from '../../../src/app/use/same-name.ts';

const adapter = (id: string, name: string): { id: string; name: string; created: number } => ({
  ...{ id, name },
  created: Date.UTC(2026, 0, 2, 12),
});

test('only adapters of one name show their project and their time', () => {
  const list = [adapter('a', 'voice 1'), adapter('b', 'voice 1'), adapter('c', 'orders')];
  expect(namedApart(list[2], list, undefined)).toBe('');
  expect(namedApart(list[2], list, 'another')).toBe(', of another');
  expect(namedApart(list[0], list, undefined)).toMatch(/^, Jan 2, 2026/);
  expect(namedApart(list[1], list, 'another')).toMatch(/^, of another, Jan 2, 2026/);
});
