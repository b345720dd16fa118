/** Addresses of the page. */
import { describe, expect, test } from 'vitest';
import { addressOf, addressOfTerm, readAddress, STAGES } from '../../../src/app/state/route.svelte.ts';

describe('an address', () => {
  test('leads to its place', () => {
    for (const place of [...STAGES, 'start', 'circle', 'benchmark', 'storage', 'guide'] as const)
      expect(readAddress(addressOf(place))).toMatchObject({ place, unknown: undefined });
    expect(readAddress(addressOfTerm('rank'))).toMatchObject({ place: 'guide', part: 'rank' });
    for (const first of ['', '#', '#/']) expect(readAddress(first).unknown).toBeUndefined();
  });

  test('leads to the first screen if nothing has it, and is known as such', () => {
    for (const hash of ['#/nonsense', '#/Train', '#/nonsense/rank'])
      expect(readAddress(hash)).toMatchObject({ place: 'start', unknown: hash });
  });
});
