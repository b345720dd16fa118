/** The loss of each token of one of the open rows. */
import { tokenLosses, type TokenLosses } from '../../evaluate/token-losses.ts';
import { GraftError } from '../../errors.ts';
import type { AdapterChoice, Progress } from '../api.ts';
import type { EvalWatch } from './eval-session.ts';
import type { Session } from '../session.ts';

interface Request extends EvalWatch {
  /** The place of the row in the list. */
  readonly at: number;
  readonly adapter: AdapterChoice;
}

/** @throws GraftError `worker-no-model`, `worker-no-data`, `worker-no-adapter`, `worker-aborted`, `token-losses`, `engine-…` */
export async function lossByToken(
  session: Session,
  { at, adapter: choice, onProgress, signal }: Request,
): Promise<TokenLosses> {
  const open = await session.model();
  const row = session.data?.entries.at(at)?.row;
  if (!row) throw new GraftError('worker-no-data', 'This row is not open.', 'Open the rows again.');
  const adapter = await session.adapter(choice, open);
  return tokenLosses(open.model, open.tokenizer, row, adapter, (done, total) => {
    if (signal.aborted)
      throw new GraftError('worker-aborted', 'The measurement was stopped.', 'Start it again when you like.');
    const progress: Progress = { what: 'measuring', done, total };
    onProgress(progress);
  });
}
