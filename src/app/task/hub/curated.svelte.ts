/** The curated list, and what each model would take of this GPU. It lives as long as the page, not as the stage. */
import type { CuratedModel, Failure, ModelForecast, TrainingSpeed } from '../../../worker/api.ts';
import type { Session } from '../../state/session.svelte.ts';
import { suggest } from '../../train/settings.ts';

/** Tokens of a row, as data that is opened is cut at first. */
const LENGTH = 256;

class Curated {
  models = $state.raw<readonly CuratedModel[]>([]);
  forecasts = $state<Record<string, ModelForecast>>({});
  /** Why there are none. */
  failure = $state.raw<Failure>();
  speed = $state.raw<TrainingSpeed>();
  measuring = $state(false);
  measureFailure = $state.raw<Failure>();
  #listed: Promise<void> | undefined;
  #planned: Promise<void> | undefined;

  /** The list, and what was measured. */
  load(session: Session): Promise<void> {
    return (this.#listed ??= this.#load(session));
  }

  /** What each would take: for a time when nothing trains, since the worker plans for a second or two. */
  plan(session: Session): Promise<void> {
    return (this.#planned ??= this.load(session).then(() => this.#forecast(session)));
  }

  async measure(session: Session): Promise<void> {
    if (this.measuring) return;
    this.measuring = true;
    this.measureFailure = undefined;
    const outcome = await session.worker.measureTrainingSpeed();
    this.measuring = false;
    if (outcome.ok) {
      this.speed = outcome.speed;
      session.announcer.say('The speed of training is measured.');
      await this.#forecast(session);
    } else if (outcome.code !== 'worker-aborted') {
      this.measureFailure = outcome;
    }
  }

  async #load(session: Session): Promise<void> {
    const [list, speed] = await Promise.all([session.worker.curatedModels(), session.worker.trainingSpeed()]);
    if (list.ok) this.models = list.models;
    else this.failure = list;
    if (speed.ok) this.speed = speed.speed;
  }

  /** One after the other: the worker has other things to do as well. */
  async #forecast(session: Session): Promise<void> {
    for (const { id, parameters } of this.models) {
      const { batch, rank } = suggest({ parameters });
      const outcome = await session.worker.forecastModel(id, { batch, rank, maxLength: LENGTH });
      if (outcome.ok) {
        this.forecasts[id] = outcome.forecast;
      } else {
        // What is wrong for one is wrong for all: there is no GPU.
        this.failure = outcome;
        return;
      }
    }
  }
}

export const curated = new Curated();
