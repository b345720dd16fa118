/** The state of a sweep in words. */
import type { SweepInfo } from '../../../worker/api.ts';

export const STATUS: Readonly<Record<SweepInfo['status'], string>> = {
  running: 'Training.',
  elsewhere: 'It trains in another tab. Pause or cancel it there.',
  interrupted: 'Paused. Runs that are done stay, and the others continue from their last saved steps.',
  budget: 'The budget is used up. Runs that are done stay, and the others can continue.',
  cancelled: 'Cancelled. Runs that were done stay.',
  done: 'Done.',
};

/** The same for a list. */
export const STATUS_SHORT: Readonly<Record<SweepInfo['status'], string>> = {
  running: 'training',
  elsewhere: 'trains in another tab',
  interrupted: 'paused',
  budget: 'budget used up',
  cancelled: 'cancelled',
  done: 'done',
};

/** Runs that go on no more: done, dropped by halving, or failed. */
export const overIn = ({ runs }: Pick<SweepInfo, 'runs'>): number =>
  runs.filter(({ status }) => status === 'done' || status === 'out' || status === 'failed').length;
