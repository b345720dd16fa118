/** The losses of one row's tokens, measured when a person asks for them. */
import type { Item } from '../../evaluate/record.ts';
import type { AdapterChoice, Failure, Progress, TokenLosses as Measured } from '../../worker/api.ts';
import type { Studio } from '../state/studio.svelte.ts';
import { rowOfItem } from './asked-rows.ts';

/** From this loss on a token is drawn in the full colour, in nats: a probability below 1%. */
export const FULL_HEAT = 5;

/** The strength of the colour of a loss, from 0 to 1. */
export const heatOf = (loss: number): number => Math.min(1, Math.max(0, loss / FULL_HEAT));

export class TokenLossesState {
  measured = $state.raw<Measured>();
  progress = $state.raw<Progress>();
  failure = $state.raw<Failure>();
  stopped = $state('');
  /** The token whose rivals are shown. */
  chosen = $state(0);
  #request: AbortController | undefined;
  readonly #studio: Studio;

  constructor(studio: Studio) {
    this.#studio = studio;
  }

  async measure(item: Item, adapter: AdapterChoice): Promise<void> {
    if (this.progress) return;
    const { worker } = this.#studio.session;
    const { signal } = (this.#request = new AbortController());
    this.failure = undefined;
    this.stopped = '';
    this.progress = { what: 'measuring', done: 0, total: 0 };
    const row = await rowOfItem(worker, item);
    const outcome = row
      ? await worker.lossByToken(
          row.at,
          adapter,
          (progress) => {
            if (this.progress) this.progress = progress;
          },
          signal,
        )
      : undefined;
    this.progress = undefined;
    if (!outcome)
      this.failure = {
        code: 'app-token-losses',
        what: 'The open rows do not have this question in their test part.',
        remedy: 'Open the rows that were measured, or measure again.',
      };
    else if (outcome.ok) {
      this.measured = outcome.losses;
      // The token that tuning should look at first.
      const { tokens } = outcome.losses;
      const losses = tokens.map(({ loss }) => loss.tuned ?? loss.base);
      this.chosen = Math.max(0, losses.indexOf(Math.max(...losses)));
    } else if (outcome.code === 'worker-aborted') this.stopped = `${outcome.what} ${outcome.remedy}`;
    else this.failure = outcome;
  }

  stop(): void {
    this.#request?.abort();
  }
}
