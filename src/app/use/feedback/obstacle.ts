/** Why a further run cannot start. */
import type { AdapterInfo, FeedbackEntry, Further } from '../../../worker/api.ts';
import type { Studio } from '../../state/studio.svelte.ts';
import { hasFeedback } from './rows.ts';

interface Begun {
  readonly from: AdapterInfo | undefined;
  readonly taken: readonly FeedbackEntry[];
  readonly kept: Further | undefined;
}

/** @returns '' if one can */
export function obstacleTo({ data, run, session }: Studio, { from, taken, kept }: Begun): string {
  const { summary } = data;
  if (run.active) return 'A run is training.';
  if (!session.model || !summary)
    return 'Open the rows of the project first: they are replayed, and their test rows measure.';
  if (!from) return 'Train an adapter first, or import one: a further run starts from it.';
  if (!data.kept && !kept)
    return 'The rows could not be kept in the project, so they could not be opened again.';
  const judged = summary.pairs + summary.unpaired.desirable + summary.unpaired.undesirable;
  if (judged > 0 && !hasFeedback(data))
    return 'The rows of the project are compared or judged answers. Save the feedback as judged rows, and open it under Data.';
  return taken.length === 0 ? 'Accept feedback that teaches something first.' : '';
}
