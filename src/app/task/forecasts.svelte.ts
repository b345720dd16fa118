/** Memory and time of each model of the list on this device. It lives as long as the page, not as the stage. */
import type {
  CuratedModel,
  Failure,
  KeptModel,
  ModelForecast,
  ModelRef,
  Progress,
  TrainingSpeed,
} from '../../worker/api.ts';
import { type SessionState, BUNDLED_MODEL } from '../state/session.svelte.ts';
import { suggest } from '../../settings/defaults.ts';

/** Tokens of a row: the initial limit of opened data. */
const LENGTH = 256;
/** Bytes of a parameter, for a model of which only the size is known. */
const WIDTH = 2;

class Curated {
  models = $state.raw<readonly CuratedModel[]>([]);
  forecasts = $state<Record<string, ModelForecast>>({});
  /** Why there are no forecasts. */
  failure = $state.raw<Failure>();
  speed = $state.raw<TrainingSpeed>();
  measuring = $state(false);
  /** How far a measurement is. */
  progress = $state.raw<Progress>();
  measureFailure = $state.raw<Failure>();
  #kept: readonly KeptModel[] = [];
  #request: AbortController | undefined;
  #listed: Promise<void> | undefined;
  #planned: Promise<void> = Promise.resolve();

  /** The list, and what was measured. */
  load(session: SessionState): Promise<void> {
    return (this.#listed ??= this.#load(session));
  }

  /**
   * Plans each model that is not planned yet. To be called while nothing trains, since the worker plans for a second or two.
   *
   * @param kept models of this browser
   */
  plan(session: SessionState, kept: readonly KeptModel[]): Promise<void> {
    this.#kept = kept;
    return (this.#planned = this.#planned.then(() => this.load(session)).then(() => this.#forecast(session)));
  }

  async measure(session: SessionState): Promise<void> {
    if (this.measuring) return;
    this.measuring = true;
    this.measureFailure = undefined;
    this.progress = undefined;
    const { signal } = (this.#request = new AbortController());
    const outcome = await session.worker.measureTrainingSpeed(
      (progress) => (this.progress = progress),
      signal,
    );
    this.measuring = false;
    if (outcome.ok) {
      this.speed = outcome.speed;
      session.announcer.say('The speed of training is measured.');
      this.forecasts = {};
      await this.#forecast(session);
    } else if (outcome.code !== 'worker-aborted') {
      this.measureFailure = outcome;
    }
  }

  stop(): void {
    this.#request?.abort();
  }

  async #load(session: SessionState): Promise<void> {
    const [list, speed] = await Promise.all([session.worker.curatedModels(), session.worker.trainingSpeed()]);
    if (list.ok) this.models = list.models;
    else this.failure = list;
    if (speed.ok) this.speed = speed.speed;
  }

  /** One after the other: the worker has other things to do as well. */
  async #forecast(session: SessionState): Promise<void> {
    const named = this.models.map(({ id, parameters }) => ({ key: id, of: id, parameters }));
    const kept = this.#kept.map(({ name, bytes }) => ({
      key: `kept ${name}`,
      of: { name, bundled: false },
      parameters: bytes / WIDTH,
    }));
    const all: { key: string; of: string | ModelRef; parameters: number }[] = [
      { key: 'bundled', of: BUNDLED_MODEL, parameters: 0 },
      ...kept,
      ...named,
    ];
    for (const { key, of, parameters } of all) {
      if (this.forecasts[key]) continue;
      const { batch, rank } = suggest({ parameters });
      const outcome = await session.worker.forecastModel(of, { batch, rank, maxLength: LENGTH });
      if (outcome.ok) {
        this.forecasts[key] = outcome.forecast;
      } else if (typeof of === 'string') {
        // A failure for one model holds for all: there is no GPU.
        this.failure = outcome;
        return;
      }
    }
  }
}

export const curated = new Curated();
