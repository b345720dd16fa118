/** The circle of use: the next step for each standing of a project, and the answers of its log. */
import { describe, expect, test } from 'vitest';
import { factsOf, nextStep, type CircleFacts } from '../../../src/app/circle/circle.ts';
import {
  entriesOf,
  judgedOf,
  lessonsLeft,
  logLine,
  unknownOf,
  usedOf,
} from '../../../src/app/circle/logged.ts';
import { readUseLog } from '../../../src/evaluate/use-log.ts';
import type { FeedbackEntry, UsedHere, UseLesson } from '../../../src/worker/api.ts';

const STANDING: CircleFacts = {
  ...{ adapters: 1, isTraining: false, log: { on: true, answers: 4, down: 1 }, lessons: 0 },
  ...{ queue: { waiting: 0, accepted: 0 }, madeSince: 0, undecided: false, verdict: '9 of 10 right' },
  ...{ isOld: false, lastRun: { name: 'voice 1', steps: 8, ended: 'today' } },
};

describe('the next step', () => {
  test.each<[string, Partial<CircleFacts>, string, string]>([
    ['follows a run that trains', { isTraining: true, adapters: 0 }, 'tune', 'watch'],
    ['trains a first adapter', { adapters: 0, lessons: 3 }, 'tune', 'train'],
    ['asks for the choice between two adapters', { undecided: true, isOld: true }, 'measure', 'decide'],
    ['measures what has an old verdict', { isOld: true, lessons: 3 }, 'measure', 'measure'],
    ['makes rows of what went wrong', { lessons: 3, queue: { waiting: 1, accepted: 1 } }, 'rows', 'teach'],
    ['looks through the queue', { queue: { waiting: 1, accepted: 1 } }, 'rows', 'look'],
    ['tunes on accepted entries', { queue: { waiting: 0, accepted: 2 } }, 'tune', 'tune'],
    ['switches the log on', { log: { on: false, answers: 0, down: 0 } }, 'use', 'switch-on'],
    ['asks in Use if nothing waits', {}, 'use', 'ask'],
  ])('%s', (_, more, place, action) => {
    expect(nextStep({ ...STANDING, ...more })).toMatchObject({ place, action });
  });

  test('measures an adapter without a verdict, with or without a run', () => {
    const { verdict: _, lastRun: __, ...bare } = STANDING;
    expect(nextStep(bare).why).toBe('No verdict says what the adapter is worth.');
    expect(factsOf(bare).measure).toEqual(['No verdict yet']);
    expect(factsOf(bare).rows[0]).toBe('0 rows made so far');
  });
});

test('each place has its counts', () => {
  const facts = { ...STANDING, madeSince: 1, lessons: 2, isOld: true };
  expect(factsOf(facts)).toEqual({
    use: ['4 answers logged', '1 thumb down', 'The log is on'],
    rows: ['1 row made since the last run', '0 to look through, 0 accepted', '2 answers not in the queue'],
    tune: ['voice 1', '8 steps, today', '1 adapter'],
    measure: ['9 of 10 right', 'Out of date'],
  });
});

describe('a logged answer', () => {
  const origin = { time: Date.UTC(2026, 0, 1), model: { name: 'sprig', bundled: true, fingerprint: 'f' } };
  const asked = [{ role: 'user', content: 'Who lives here?' }] as const;
  const used = usedOf({ asked, origin, text: 'A goat.', finish: 'stop' })!;
  const entry = (more: Partial<FeedbackEntry>): FeedbackEntry => ({
    ...{ id: 'e', time: 1, prompt: asked, answer: 'A goat.', verdict: 'bad', state: 'waiting', origin },
    ...more,
  });
  const lesson = (id: string): UseLesson => ({
    ...{ id, prompt: asked, answer: 'A goat.', verdict: 'bad', model: 'base', why: 'disliked' },
  });

  test('is read again from its line as graft serve writes it', () => {
    const [read] = readUseLog(logLine({ ...used, thumb: 'down' }), 'use-log.jsonl');
    const { id: _, origin: __, ...said } = used;
    expect(read).toEqual({ ...said, thumb: 'down' });
    expect(usedOf({ asked: undefined, origin, text: '', finish: '' })).toBeUndefined();
  });

  test('has the thumb of its judgement in Use, and one of a file its own', () => {
    const file: UsedHere = { ...used, id: 'f', thumb: 'up' };
    const { origin: _, ...opened } = file;
    const judged = judgedOf([used, opened], [entry({})]);
    expect(judged.map(({ thumb }) => thumb)).toEqual(['down', 'up']);
    expect(judgedOf([used], [entry({ origin: { ...origin, time: 2 } })])[0]).toBe(used);
  });

  test('is a lesson until the queue has it, by its id or by its judgement', () => {
    const lessons = [lesson(used.id), lesson('other')];
    expect(lessonsLeft(lessons, [used], [])).toHaveLength(2);
    expect(lessonsLeft(lessons, [used], [entry({})]).map(({ id }) => id)).toEqual(['other']);
    expect(lessonsLeft(lessons, [used], [entry({ id: 'other', answer: '' })])).toEqual([lessons[0]]);
  });

  test('becomes an entry that waits, with its origin or the name of its model', () => {
    const { origin: _, ...opened } = { ...used, id: 'f' };
    expect(entriesOf([lesson(used.id), lesson('f')], [used, opened], 5)).toEqual([
      { ...entry({ id: used.id, time: 5 }) },
      expect.objectContaining({ id: 'f', model: 'base', state: 'waiting' }),
    ]);
  });

  test('is added once from a file that has it twice', () => {
    const fresh = { ...used, id: 'fresh' };
    expect(unknownOf([fresh, fresh, used], [used])).toEqual([fresh]);
  });
});
