/** The labels of the open rows as a tuned model sees them. */
import { checkLabels, foundDoubts, type LabelCheck } from '../../evaluate/label-check.ts';
import { GraftError } from '../../errors.ts';
import { addedTokens } from '../../adapters/tokens/tokens.ts';
import type { AdapterChoice } from '../api.ts';
import type { Checks } from './checks.ts';
import type { DataSet } from './data.ts';
import type { EvalWatch } from '../evaluation/eval-session.ts';
import { modelWith } from '../runs/new-tokens.ts';
import type { PlacedFinding } from '../../data/findings/open-rows.ts';
import type { Session } from '../session.ts';

interface Request extends EvalWatch {
  readonly adapter: Exclude<AdapterChoice, 'base'>;
}

/** @throws GraftError `worker-no-model`, `worker-no-adapter`, `worker-aborted`, `labels-missing`, `engine-…` */
export async function checkOpenLabels(
  session: Session,
  data: DataSet,
  checks: Checks,
  { adapter: choice, onProgress, signal }: Request,
): Promise<{ readonly finding: PlacedFinding | undefined; readonly check: LabelCheck }> {
  const open = await session.model();
  const adapter = await session.adapter(choice, open);
  const own = await modelWith(open, adapter && addedTokens(adapter.modules));
  const { learnedRows } = await import('../../data/findings/open-rows.ts');
  const check = await checkLabels(
    { model: open.model, tokenizer: own.tokenizer, adapter },
    learnedRows(data),
    async (done, total) => {
      onProgress({ what: 'checking', done, total });
      // A task and not a microtask: a call of the page that stops this comes in between.
      await new Promise((resolve) => setTimeout(resolve));
      if (signal.aborted)
        throw new GraftError('worker-aborted', 'The check was stopped.', 'Start it again when you like.');
    },
  );
  if (!check)
    throw new GraftError(
      'labels-missing',
      'The answers of these rows are not labels, so that there is no list to choose from.',
      'Open rows with few different short answers.',
    );
  return { finding: await checks.measured(data, foundDoubts(check)), check };
}
