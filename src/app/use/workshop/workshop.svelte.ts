/** The mixture that a person makes by sliders: it is made again after each change, answers, and is measured. */
import type { Failure, MixedAdapter, MixtureLoss, Progress } from '../../../worker/api.ts';
import { ofProject } from '../../state/of-studio.svelte.ts';
import { MIXTURE_NAME } from '../../evaluate/origin.ts';
import type { Studio } from '../../state/studio.svelte.ts';

/** A mixture with its measured loss. */
export interface MeasuredMixture {
  readonly name: string;
  /** Undefined without a cut of the rank. */
  readonly error: number | undefined;
  readonly loss: MixtureLoss;
}

/** A slider that moves is waited for. */
const PAUSE_MS = 200;
const MAX_MEASURED = 12;
const MAX_TOKENS = 48;

class Workshop {
  /** By the ids of adapters; 0 if left out. */
  weights = $state<Record<string, number>>({});
  cut = $state(false);
  rank = $state(4);
  prompt = $state('');
  mixture = $state.raw<MixedAdapter>();
  answer = $state('');
  loss = $state.raw<MixtureLoss>();
  /** The newest first. */
  measured = $state.raw<readonly MeasuredMixture[]>([]);
  /** What is being done. */
  doing = $state<'mixing' | 'answering' | 'measuring'>();
  progress = $state.raw<Progress>();
  failure = $state.raw<Failure>();
  saved = $state('');
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Counts changes: work for an earlier one ends. */
  #change = 0;
  #work: Promise<void> = Promise.resolve();
  /** Ends the answer and the measurement of a mixture. */
  #request: AbortController | undefined;

  constructor(private readonly studio: Studio) {}

  weightOf(id: string): number {
    return this.weights[id] ?? 0;
  }

  setWeight(id: string, weight: number): void {
    this.weights = { ...this.weights, [id]: weight };
    this.changed();
  }

  /** The mixture no longer is what was asked for: makes it again once the hand rests. */
  changed(): void {
    this.#change++;
    this.saved = '';
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#request?.abort();
      const change = this.#change;
      this.#work = this.#work.then(() => this.#follow(change));
    }, PAUSE_MS);
  }

  /** The mixture was of sliders that are gone. */
  end(): void {
    this.#change++;
    clearTimeout(this.#timer);
    this.#request?.abort();
    this.studio.adapters.mixture = undefined;
  }

  async keep(name: string): Promise<void> {
    const { session, adapters } = this.studio;
    const outcome = await session.worker.keepMixture(name);
    if (!outcome.ok) {
      this.failure = outcome;
      return;
    }
    this.saved = outcome.adapter.name;
    session.announcer.say(`${outcome.adapter.name} is in the library.`);
    await adapters.refresh();
  }

  async #follow(change: number): Promise<void> {
    const isStale = (): boolean => change !== this.#change || this.studio.run.active;
    if (isStale()) return;
    this.failure = undefined;
    const { signal } = (this.#request = new AbortController());
    try {
      this.doing = 'mixing';
      const shares = Object.entries(this.weights)
        .filter(([, weight]) => weight !== 0)
        .map(([id, weight]) => ({ id, weight }));
      if (!(await this.#mix(shares, isStale)) || isStale()) return;
      this.doing = 'answering';
      await this.#ask(signal);
      if (isStale()) return;
      this.doing = 'measuring';
      await this.#measure(isStale, signal);
    } finally {
      this.doing = undefined;
      this.progress = undefined;
    }
  }

  async #mix(shares: readonly { id: string; weight: number }[], isStale: () => boolean): Promise<boolean> {
    const { session, adapters } = this.studio;
    this.answer = '';
    this.loss = undefined;
    if (shares.length === 0) {
      this.mixture = adapters.mixture = undefined;
      return false;
    }
    const outcome = await session.worker.mixAdapters(shares, this.cut ? this.rank : undefined);
    if (isStale()) return false;
    if (outcome.ok) {
      this.mixture = outcome.mixture;
      adapters.mixture = outcome.mixture.name;
    } else {
      this.failure = outcome;
      this.mixture = adapters.mixture = undefined;
    }
    return outcome.ok;
  }

  async #ask(signal: AbortSignal): Promise<void> {
    const { session, chat } = this.studio;
    const content = this.prompt.trim();
    if (content === '') return;
    const settings = { ...chat.settings, maxNewTokens: Math.min(chat.settings.maxNewTokens, MAX_TOKENS) };
    const outcome = await session.worker.chat(
      { id: MIXTURE_NAME },
      [{ role: 'user', content }],
      settings,
      (piece) => {
        if (this.doing === 'answering') this.answer += piece;
      },
      undefined,
      signal,
    );
    if (outcome.ok) this.answer = outcome.text;
    else if (outcome.code !== 'worker-aborted') this.failure = outcome;
  }

  async #measure(isStale: () => boolean, signal: AbortSignal): Promise<void> {
    const { session, data } = this.studio;
    const { mixture } = this;
    if (!mixture || !data.summary) return;
    const outcome = await session.worker.lossOfMixture((progress) => {
      if (this.doing === 'measuring') this.progress = progress;
    }, signal);
    if (isStale()) return;
    if (outcome.ok) {
      this.loss = outcome.loss;
      const error = this.cut ? overallError(mixture, this.rank) : undefined;
      this.measured = [
        { name: mixture.name, error, loss: outcome.loss },
        ...this.measured.filter(({ name }) => name !== mixture.name),
      ].slice(0, MAX_MEASURED);
    } else if (outcome.code !== 'worker-aborted') this.failure = outcome;
  }
}

/** The Frobenius norm of what a cut to a rank takes from all layers, relative to that of all changes. */
export function overallError({ layers }: Pick<MixedAdapter, 'layers'>, rank: number): number {
  let [all, lost] = [0, 0];
  for (const { singularValues } of layers)
    singularValues.forEach((value, at) => {
      all += value * value;
      if (at >= rank) lost += value * value;
    });
  return all === 0 ? 0 : Math.sqrt(lost / all);
}

export const workshopOf = ofProject((studio) => new Workshop(studio));
