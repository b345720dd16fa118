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

  it('differ for long texts that differ in one place, however they are encoded', () => {
    // Longer than what is encoded at once, with characters of one, two and three bytes at its borders.
    const text = `${'a'.repeat(65_533)}é€${'b'.repeat(70_000)}`;
    const places = [0, 31, 32, 65_532, 65_533, 65_534, 65_535, 131_070, text.length - 1];
    const changed = places.map((at) => `${text.slice(0, at)}c${text.slice(at + 1)}`);
    const all = [text, ...changed, `${text}c`].map((one) => row(one, 'yes').join());
    expect(new Set(all).size).toBe(all.length);
    expect(row(text, 'yes')).toEqual(row([...text].join(''), 'yes'));
  });

  it('tell half characters apart in a long text, which UTF-8 does not', () => {
    const half = (unit: number): string => `${'a'.repeat(70_000)}${String.fromCharCode(unit)}`;
    const all = [half(0xd800), half(0xd801), half(0xfffd)].map((one) => row(one, 'yes').join());
    expect(new Set(all).size).toBe(3);
  });

  it('know where one text ends and the next begins', () => {
    expect(row('ab', 'cd')).not.toEqual(row('abc', 'd'));
    expect(row('a'.repeat(8), 'a')).not.toEqual(row('a'.repeat(7), 'aa'));
  });

  it('ignore the white space around a text, as the comparison of rows does', () => {
    expect(row(' ab ', 'cd\n')).toEqual(row('ab', 'cd'));
  });
});
