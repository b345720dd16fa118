/** The form of a metric with settings, while the worker tries its code and the list changes. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { ScorerSpec } from '../../../src/scorers/scorer-spec.ts';
import type { Outcome } from '../../../src/worker/api.ts';
import { held, withoutSvelte, type Held } from './runes.ts';

beforeAll(withoutSvelte);
afterAll(() => vi.unstubAllGlobals());

const regex = (as: string): ScorerSpec => ({ name: 'regex', pattern: `^${as}`, as });
const [A, B, C] = ['a', 'b', 'c'].map(regex);

async function formWith(checks: Held<Outcome<object>>[] = []) {
  const { OwnMetricForm } = await import('../../../src/app/evaluate/own-metric-form.svelte.ts');
  return new OwnMetricForm(() => {
    checks.push(held());
    return checks.at(-1)!.promise;
  });
}

test.each<[string, readonly ScorerSpec[], readonly ScorerSpec[]]>([
  ['in its place', [A, B], [A, regex('changed')]],
  ['in its place once the one before it is removed', [B], [regex('changed')]],
  ['after the others once it is removed itself', [A], [A, regex('changed')]],
])('a metric that is changed stands %s', async (_, specs, expected) => {
  const checks: Held<Outcome<object>>[] = [];
  const form = await formWith(checks);
  form.open(B, 'b');
  form.change('pattern', '^changed');
  form.change('as', ' changed ');
  const kept = form.keep({ specs, isPrompts: false });
  checks[0].answer({ ok: true });
  expect(await kept).toEqual(expected);
  expect(form.draft).toBeUndefined();
});

test('nothing is added once the form is closed, or another one is open', async () => {
  const checks: Held<Outcome<object>>[] = [];
  const form = await formWith(checks);
  form.open(C);
  const closed = form.keep({ specs: [A], isPrompts: false });
  form.close();
  checks[0].answer({ ok: true });
  expect(await closed).toBeUndefined();

  form.open(C);
  const left = form.keep({ specs: [A], isPrompts: false });
  form.open(A, 'a');
  checks[1].answer({ ok: false, code: 'reward-code', what: 'No code.', remedy: '' });
  expect(await left).toBeUndefined();
  expect([form.draft, form.fault, form.busy]).toEqual([A, undefined, false]);
});

test('a name that another metric has is a fault of its field, and its own name is none', async () => {
  const checks: Held<Outcome<object>>[] = [];
  const form = await formWith(checks);
  form.open({ ...C, as: 'a' });
  expect(await form.keep({ specs: [A, B], isPrompts: false })).toBeUndefined();
  expect(form.fault).toMatchObject({ field: 'as', what: expect.stringContaining('“a”') as string });
  form.open(A, 'a');
  const kept = form.keep({ specs: [A, B], isPrompts: false });
  checks[0].answer({ ok: true });
  expect(await kept).toEqual([A, B]);
});
