import { describe, expect, test } from 'vitest';
import { askedShots, chosenMethods, evaluateFlags, taskCardOf } from '../../../src/cli/evaluate-flags.ts';
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

describe('the task card of graft evaluate', () => {
  const card = (...args: string[]): unknown => taskCardOf(new Flags(evaluateFlags, args));

  test('is made of the task, the score and the first metric', () => {
    expect(card()).toBeUndefined();
    expect(card('--task', 'Sort mails', '--success', '9 of 10', '--metrics', 'loss,token-f1')).toEqual({
      goal: 'Sort mails',
      target: '9 of 10',
      metric: 'token-f1',
    });
  });

  test('refuses a score that cannot be read', async () => {
    const { what } = await graftError(() => Promise.resolve(card('--success', 'good')), 'arguments');
    expect(what).toContain('"good"');
  });
});
