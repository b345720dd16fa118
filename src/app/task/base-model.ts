/** Changes of the base model that take a run off the device: a paused run resumes from its checkpoint. */
import type { WeightChoices, DeviceChoice, ModelRef } from '../../worker/api.ts';
import { device } from '../state/device.svelte.ts';
import { BUNDLED_MODEL } from '../state/session.svelte.ts';
import type { Studio } from '../state/studio.svelte.ts';

export class BaseModel {
  readonly #studio: Studio;

  constructor(studio: Studio) {
    this.#studio = studio;
  }

  /** Deletes a model that this browser keeps. If no project is open, the bundled model takes its place. */
  async remove(name: string): Promise<void> {
    const { session, models, run, projects } = this.#studio;
    const isThis = (model: ModelRef | undefined): boolean => model?.name === name && !model.bundled;
    const open = isThis(session.model);
    await models.remove(name);
    if (models.list.some((model) => model.name === name)) return;
    if (open) run.leaveDevice();
    if (projects.id === undefined && isThis(session.wanted)) session.want(BUNDLED_MODEL);
  }

  /** Loads the open model again with its weights stored in another type. */
  async hold(baseWeights: WeightChoices): Promise<void> {
    const { run, session } = this.#studio;
    if (run.active || session.opening) return;
    if (await session.holdBase(baseWeights)) run.leaveDevice();
  }

  /** Computes on another device, and loads the open model again there. */
  async changeDevice(choice: DeviceChoice): Promise<void> {
    const { run, session } = this.#studio;
    if (run.active || session.opening) return;
    const changed = await device.choose(choice, session.worker);
    run.leaveDevice();
    await session.reopen();
    if (changed && device.facts) session.announcer.say(`Graft computes on ${device.facts.name} now.`);
  }
}
