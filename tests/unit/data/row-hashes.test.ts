import { describe, expect, it } from 'vitest';
import { hashesOf } from '../../../src/data/row-hashes.ts';

const row = (prompt: string, completion: string) =>
  hashesOf({ kind: 'completion', prompt, completion, line: 1 });

describe('the hashes of rows', () => {
  it('differ as random numbers do for texts that differ in one character', () => {
    const count = 60_000;
    const text = 'the quick brown fox jumps over the lazy dog and sleeps';
    const halves = [new Set<number>(), new Set<number>()];
    for (let i = 0; i < count; i++) {
      const at = i % text.length;
      const changed = text.slice(0, at) + String.fromCharCode(0x4e00 + i) + text.slice(at + 1);
      row(changed, 'yes').forEach((hash, half) => halves[half].add(hash));
    }
    // Among 60,000 random numbers of 32 bits, 0.4 pairs are equal on average; eleven or more are once in 10^14 draws.
    for (const half of halves) expect(count - half.size).toBeLessThan(11);
  });

  it('know where one text ends and the next begins', () => {
    expect(row('ab', 'cd')).not.toEqual(row('abc', 'd'));
    expect(row('a'.repeat(8), 'a')).not.toEqual(row('a'.repeat(7), 'aa'));
  });

  it('ignore the white space around a text, as the comparison of rows does', () => {
    expect(row(' ab ', 'cd\n')).toEqual(row('ab', 'cd'));
  });
});
