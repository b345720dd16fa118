/** Where a project stands in the circle of a deployed model (use → rows → tune → measure), and its next step. */
import { plural } from '../../numbers.ts';

/** What the project has, counted. */
export interface CircleFacts {
  /** Adapters of the project. */
  readonly adapters: number;
  readonly isTraining: boolean;
  readonly log: { readonly on: boolean; readonly answers: number; readonly down: number };
  /** Answers of the log that a press puts in the queue. */
  readonly lessons: number;
  /** Entries of the queue that no run has learned from. */
  readonly queue: { readonly waiting: number; readonly accepted: number };
  /** Rows that were made since the last run began. */
  readonly madeSince: number;
  /** Missing before the first run that ended. */
  readonly lastRun?: { readonly name: string; readonly steps: number; readonly ended: string };
  /** A run on feedback has ended, and a person has not chosen between the two adapters. */
  readonly undecided: boolean;
  /** The last verdict in a few words; missing before a measurement. */
  readonly verdict?: string;
  /** Whether that is of another adapter, model or rows, or from before the last run. */
  readonly isOld: boolean;
}

export const PLACES = ['use', 'rows', 'tune', 'measure'] as const;
export type CirclePlace = (typeof PLACES)[number];

export type CircleAction =
  'train' | 'switch-on' | 'ask' | 'teach' | 'look' | 'tune' | 'watch' | 'decide' | 'measure';

export interface NextStep {
  readonly place: CirclePlace;
  readonly action: CircleAction;
  /** On its button. */
  readonly verb: string;
  readonly why: string;
}

/** One next step: the earliest one in the way of an answer through the circle that waits for a person. */
export function nextStep(facts: CircleFacts): NextStep {
  const { adapters, isTraining, log, lessons, queue, undecided, verdict, isOld, lastRun } = facts;
  if (isTraining) return { place: 'tune', action: 'watch', verb: 'See its curve', why: 'A run is training.' };
  if (adapters === 0)
    return {
      place: 'tune',
      action: 'train',
      verb: 'Train an adapter',
      why: 'The circle starts with an adapter that is used.',
    };
  if (undecided)
    return {
      place: 'measure',
      action: 'decide',
      verb: 'Choose one of the two',
      why: 'A run on feedback has ended. You decide which adapter is in use.',
    };
  if (verdict === undefined || isOld)
    return {
      place: 'measure',
      action: 'measure',
      verb: 'Measure it',
      why: lastRun
        ? 'The last run has no verdict that is up to date.'
        : 'No verdict says what the adapter is worth.',
    };
  if (lessons > 0)
    return {
      place: 'rows',
      action: 'teach',
      verb: `Put ${lessons} in the queue`,
      why: 'They went wrong or were liked, and are not in the queue of feedback yet.',
    };
  if (queue.waiting > 0)
    return {
      place: 'rows',
      action: 'look',
      verb: `Look through ${plural(queue.waiting, 'entry', 'entries')}`,
      why: 'A run learns only from what you accept.',
    };
  if (queue.accepted > 0)
    return {
      place: 'tune',
      action: 'tune',
      verb: 'Train a further short run',
      why: `${plural(queue.accepted, 'accepted entry waits', 'accepted entries wait')} to be learned.`,
    };
  if (!log.on && log.answers === 0)
    return {
      place: 'use',
      action: 'switch-on',
      verb: 'Switch the log on',
      why: 'From then on, what is asked in Use is kept in this project.',
    };
  return {
    place: 'use',
    action: 'ask',
    verb: 'Ask in Use',
    why: log.on ? 'The log is on. Mark answers with thumbs.' : 'The log is off, and nothing waits.',
  };
}

/** The facts of each place, the most important first. */
export function factsOf(facts: CircleFacts): Readonly<Record<CirclePlace, readonly string[]>> {
  const { log, lessons, queue, madeSince, lastRun, verdict, isOld, isTraining, adapters } = facts;
  return {
    use: [
      `${plural(log.answers, 'answer')} logged`,
      plural(log.down, 'thumb down', 'thumbs down'),
      log.on ? 'The log is on' : 'The log is off',
    ],
    rows: [
      `${plural(madeSince, 'row')} made ${lastRun ? 'since the last run' : 'so far'}`,
      `${queue.waiting} to look through, ${queue.accepted} accepted`,
      ...(lessons > 0 ? [`${plural(lessons, 'answer')} not in the queue`] : []),
    ],
    tune: [
      lastRun ? lastRun.name : 'No run yet',
      ...(lastRun ? [`${plural(lastRun.steps, 'step')}, ${lastRun.ended}`] : []),
      ...(isTraining ? ['A run is training'] : [plural(adapters, 'adapter')]),
    ],
    measure: [
      verdict ?? 'No verdict yet',
      ...(verdict === undefined ? [] : [isOld ? 'Out of date' : 'Up to date']),
    ],
  };
}
