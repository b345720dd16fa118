/** The counts of the circle, from what is open and kept. */
import type { Studio } from '../state/studio.svelte.ts';
import { whyOld } from '../evaluate/origin.ts';
import { stagesOf } from '../state/stages.ts';
import { date } from '../ui/format.ts';
import type { Feedback } from '../use/feedback/feedback.svelte.ts';
import type { FurtherTraining } from '../use/feedback/further.svelte.ts';
import type { CircleFacts } from './circle.ts';
import type { UseLog } from './use-log.svelte.ts';

interface Parts {
  readonly log: UseLog;
  readonly feedback: Feedback;
  readonly further: FurtherTraining;
}

export function circleFacts(studio: Studio, { log, feedback, further }: Parts): CircleFacts {
  const { runs, run, adapters, evaluation, now } = studio;
  const last = runs.list.find(({ status }) => status === 'done' || status === 'stopped');
  const open = feedback.entries.filter(({ taught, state }) => !taught && state !== 'rejected');
  const { result } = evaluation;
  // A run on feedback is measured against the adapter in use, which is a verdict as well.
  const change = further.kept?.kept ? further.change : undefined;
  const measured = further.kept?.measured?.made.time ?? 0;
  const byFurther = change && measured > (result?.made.time ?? 0) ? change.what : undefined;
  const fact = stagesOf(studio).find(({ id }) => id === 'evaluate')?.fact;
  const verdict = byFurther ?? (result ? fact?.replace(/, out of date$/, '') : undefined);
  const since = last && Math.max(measured, result?.made.time ?? 0) < last.created;
  return {
    adapters: adapters.own.length,
    isTraining: run.active,
    log: {
      on: log.on,
      answers: log.answers.length,
      down: log.judged.filter(({ thumb }) => thumb === 'down').length,
    },
    lessons: log.lessons.length,
    queue: {
      waiting: open.filter(({ state }) => state === 'waiting').length,
      accepted: open.filter(({ state }) => state === 'accepted').length,
    },
    madeSince: open.filter(({ time }) => time > (last?.created ?? 0)).length,
    ...(last && {
      lastRun: { name: last.options.name, steps: last.step, ended: `started ${date(last.created)}` },
    }),
    undecided: further.open,
    ...(verdict !== undefined && { verdict }),
    isOld:
      (since ?? false) ||
      (byFurther === undefined && result !== undefined && whyOld(result, now) !== undefined),
  };
}
