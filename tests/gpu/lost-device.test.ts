/** A GPU that is lost or closed while a run trains on it. */
import { expect, test } from 'vitest';
import { Adapter } from '../../src/adapters/adapter.ts';
import { adapterModules, initialTensors } from '../../src/adapters/registry.ts';
import { openDawn } from '../../src/cli/dawn.ts';
import type { GpuDevice } from '../../src/engine/webgpu/device.ts';
import { GraftError } from '../../src/errors.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { loadTokenizer } from '../../src/text/tokenizer.ts';
import { Trainer } from '../../src/train/trainer.ts';
import { describeDevice } from '../engine/adapters.ts';
import { sprigFolder, voiceRows } from '../engine/sprig.ts';
import { base } from '../engine/trainer-run.ts';

describeDevice('A device that is lost', () => {
  /** A run on a device of its own that `end` ends after the second step. */
  async function runUntil(end: (device: GpuDevice) => void): Promise<unknown> {
    const device = await openDawn('llvmpipe');
    const model = await LanguageModel.load(device, sprigFolder(), { precision: 'f32' });
    const rows = voiceRows(await loadTokenizer(sprigFolder()), 6);
    const modules = adapterModules(model.definition, base);
    const adapter = new Adapter(device, modules, initialTensors(modules, 1), { trainable: true });
    const statuses: string[] = [];
    const trainer = await Trainer.create({
      trainable: { model, adapter, store: adapter.store },
      options: base,
      rows,
      onEvent(event) {
        if (event.type === 'status') statuses.push(event.status);
        if (event.type === 'step' && event.step === 2) end(device);
      },
    });
    const error: unknown = await trainer.run().catch((thrown: unknown) => thrown);
    expect(statuses).toEqual(['running', 'failed']);
    expect(trainer.step).toBe(2);
    await trainer.destroy();
    adapter.destroy();
    await model.destroy();
    device.close();
    return error;
  }

  test('ends the run with a typed error, not with a hang', { timeout: 120_000 }, async () => {
    const error = await runUntil((device) => device.gpu.destroy());
    expect(error).toBeInstanceOf(GraftError);
    expect((error as GraftError).code).toBe('engine-device-lost');
  });

  test('closed while it runs, likewise', { timeout: 120_000 }, async () => {
    const error = await runUntil((device) => device.close());
    expect(error).toBeInstanceOf(GraftError);
    expect((error as GraftError).code).toBe('engine-closed');
  });
});
