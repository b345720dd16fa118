import { describe, expect, test } from 'vitest';
import {
  askedInstruction,
  askedShots,
  chosenMethods,
  evaluateFlags,
  taskCardOf,
} from '../../../src/cli/evaluate-flags.ts';
import { Flags } from '../../../src/cli/flags.ts';
import { graftError } from '../expect-graft-error.ts';

describe('--methods of graft evaluate', () => {
  const flags = (...args: string[]): Flags<typeof evaluateFlags> => new Flags(evaluateFlags, args);
  const named = (...args: string[]): string[] => chosenMethods(flags(...args)).map(({ name }) => name);

  test('takes the usual names of prompting', () => {
    expect(named('--methods', 'zero-shot,3-shot')).toEqual(['base', 'few-shot']);
    expect(askedShots(flags('--methods', 'zero-shot,3-shot'))).toEqual([3]);
    expect(named('--methods', 'base')).toEqual(['base']);
  });

  test('takes several numbers of examples, and refuses another one in --shots', async () => {
    expect(askedShots(flags('--methods', '3-shot,1-shot'))).toEqual([1, 3]);
    await graftError(() => askedShots(flags('--methods', '3-shot', '--shots', '2')), 'arguments');
    expect(askedShots(flags('--methods', '2-shot', '--shots', '2'))).toEqual([2]);
    expect(askedShots(flags())).toEqual([4]);
  });

  test('measures instructed methods by default once there is an instruction', () => {
    expect(named()).toEqual(['frequent', 'nearest', 'base', 'few-shot']);
    expect(named('--task', 'Sort mails')).toContain('instructed-few-shot');
    expect(named('--instruction', 'Sort')).toContain('instructed');
    expect(named('--methods', 'instructed')).toEqual(['instructed']);
  });

  test('makes the instruction of the task and the labels, unless one is given', () => {
    const rows = ['a', 'b', 'a', 'b'].map((expected) => ({ question: { prompt: '', ask: '', expected } }));
    expect(askedInstruction(flags('--task', 'Sort'), [], rows)).toMatch(/^Sort\. Answer .*: a, b\.$/);
    expect(askedInstruction(flags('--task', 'Sort', '--instruction', 'Say a.'), [], rows)).toBe('Say a.');
    expect(askedInstruction(flags(), [], [])).toBe('');
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
