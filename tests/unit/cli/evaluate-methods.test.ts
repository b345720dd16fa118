import { describe, expect, test } from 'vitest';
import { askedShots, chosenMethods, evaluateFlags } from '../../../src/cli/evaluate-flags.ts';
import { Flags } from '../../../src/cli/flags.ts';
import { graftError } from '../expect-graft-error.ts';

describe('--methods of graft evaluate', () => {
  const flags = (...args: string[]): Flags<typeof evaluateFlags> => new Flags(evaluateFlags, args);
  const named = (...args: string[]): string[] => chosenMethods(flags(...args)).map(({ name }) => name);

  test('takes the usual names of prompting', () => {
    expect(named('--methods', 'zero-shot,3-shot')).toEqual(['base', 'few-shot']);
    expect(askedShots(flags('--methods', 'zero-shot,3-shot'))).toBe(3);
    expect(named('--methods', 'base')).toEqual(['base']);
  });

  test('refuses two numbers of examples', async () => {
    const { what } = await graftError(() => askedShots(flags('--methods', '1-shot,3-shot')), 'arguments');
    expect(what).toContain('1, 3');
    await graftError(() => askedShots(flags('--methods', '3-shot', '--shots', '2')), 'arguments');
    expect(askedShots(flags('--methods', '2-shot', '--shots', '2'))).toBe(2);
  });

  test('refuses a name that is none', async () => {
    await graftError(() => chosenMethods(flags('--methods', '0-shot')), 'arguments');
  });
});
