/** Whose answers a queue judges. */
import { expect, test } from 'vitest';
import { judgedModelInWords, mostJudged } from '../../../src/app/use/feedback/judged.ts';
import type { AdapterInfo, FeedbackEntry } from '../../../src/worker/api.ts';

const ADAPTERS = [
  { id: 'a', name: 'voice 1', runId: 'run-a' },
  { id: 'b', name: 'voice 2', runId: 'run-b' },
] as AdapterInfo[];
type Of = NonNullable<FeedbackEntry['origin']>['adapter'];
const by = (adapter?: Of): Pick<FeedbackEntry, 'origin'> => ({
  origin: { time: 0, model: { name: 'sprig', bundled: true, fingerprint: 'f' }, ...(adapter && { adapter }) },
});
const A = by({ name: 'voice 1', id: 'a' });
/** The answer of the run before it ended: the same adapter, once that is in the library. */
const RUN_A = by({ name: 'voice 1', runId: 'run-a', step: 20 });
const B = by({ name: 'voice 2', id: 'b' });

test.each([
  ['nothing is known', [], undefined],
  ['of unknown origin', [{}], undefined],
  ['one adapter, in the library or as a run', [A, RUN_A], ['“voice 1”', 'a', 2]],
  ['the most of several', [B, A, RUN_A], ['“voice 1”', 'a', 2]],
  ['the later of two with as many', [A, B], ['“voice 2”', 'b', 1]],
  ['the base model', [by(), by(), A], ['the base model', undefined, 2]],
  ['an adapter that is deleted', [by({ name: 'old', id: 'c' })], ['“old”', undefined, 1]],
] as const)('%s', (_, entries, expected) => {
  const found = mostJudged(entries, ADAPTERS);
  expect(found && [found.name, found.adapter?.id, found.entries]).toEqual(expected);
});

test('both are named where they differ', () => {
  const judged = mostJudged([A, A], ADAPTERS)!;
  expect(judgedModelInWords(judged, 2, 'voice 2', true)).toBe(
    'The feedback that you accepted judges answers of “voice 1”, but this run continues from “voice 2”, which is in use.',
  );
  expect(judgedModelInWords(judged, 3, 'voice 2', false)).toBe(
    '2 of 3 accepted entries judge answers of “voice 1”, but this run continues from “voice 2”.',
  );
});
