/** How the base model is prompted in the measurements of this project. */
import type { Prompting } from '../../worker/api.ts';
import type { Studio } from '../state/studio.svelte.ts';

/** At most as many examples as there are training rows. */
export function promptingOf({ task, fewShot, data, projects }: Studio): Prompting {
  const { instruction, examples } = task;
  const { id: projectId } = projects;
  return {
    goal: task.title,
    ...(instruction !== undefined && { instruction }),
    shots: Math.min(fewShot.shots, data.summary?.rows.train ?? 0),
    ...(examples !== undefined && { examples }),
    ...(examples === 'similar' && projectId !== undefined && { projectId }),
  };
}
