/** A measurement of this browser's devices, kept until the page, the browser or a device changes. */
import type { Device } from '../../engine/device.ts';
import { keptFor, measuredOn, toKeep } from '../../engine/webgpu/measured-on.ts';
import { deleteSetting, ifStorageWorks, readSetting, writeSetting } from '../../storage/settings.ts';

export class Measurement {
  /** What the devices, the page and the browser are, as a text. */
  readonly on: string;

  /** @param name of the setting that keeps it: a new measurement replaces the one before @param devices that were measured */
  constructor(
    private readonly name: string,
    devices: readonly Device[],
  ) {
    this.on = measuredOn(devices, `${import.meta.env.GRAFT_VERSION} in ${navigator.userAgent}`);
  }

  /** The unchecked value that was kept; undefined if there is none, or if it was measured on something else. */
  async read(): Promise<unknown> {
    return keptFor(await ifStorageWorks(readSetting(this.name)), this.on);
  }

  /** Keeps a value. Without storage it is measured again at the next visit. */
  async keep(value: unknown): Promise<void> {
    await ifStorageWorks(writeSetting(this.name, toKeep(this.on, value)));
  }

  /** Forgets the value. */
  async forget(): Promise<void> {
    await ifStorageWorks(deleteSetting(this.name));
  }
}
