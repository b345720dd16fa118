/** The worker's API for the workshop, which is loaded when it is first used. */
import type { WorkshopApi } from '../api/workshop.ts';
import { listener, outcome } from '../outcome.ts';
import type { Projects } from '../projects/projects.ts';
import type { Runs } from '../runs/runs.ts';
import type { Session } from '../session.ts';
import { unstopped } from '../stopping.ts';
import type { Workshop } from './workshop.ts';

/** Answers the page's calls to the workshop, and loads it with the first. */
export function workshopApi(session: Session, runs: Runs, projects: Projects): WorkshopApi {
  let made: Promise<Workshop> | undefined;
  const workshop = (): Promise<Workshop> =>
    (made ??= import('./workshop.ts').then(({ Workshop }) => new Workshop(session)));
  return {
    mixAdapters: (shares, rank) =>
      outcome(async () => {
        const shop = await workshop();
        return { mixture: await runs.withDevice(() => shop.mix(shares, rank)) };
      }),
    lossOfMixture: (onProgress, signal = unstopped()) =>
      outcome(async () => {
        const shop = await workshop();
        const watch = { onProgress: listener(onProgress), signal };
        return { loss: await runs.withDevice(() => shop.loss(watch)) };
      }),
    keepMixture: (name) =>
      outcome(async () => {
        const shop = await workshop();
        return { adapter: await shop.keep(name, await projects.ensure(name)) };
      }),
  };
}
