/** An adapter that Graft trained on a GGUF file, in PEFT, on the same file as transformers reads it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openProcessor } from '../../src/cli/cpu.ts';
import { modelOf, writeFolder } from '../../src/cli/files.ts';
import type { Device } from '../../src/engine/device.ts';
import { writePeft } from '../../src/export/peft.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { Adapter } from '../../src/adapters/adapter.ts';
import { adapterModules, initialTensors } from '../../src/adapters/registry.ts';
import { Trainer } from '../../src/train/trainer.ts';
import { sharedJsonl } from '../shared.ts';
import { describeSmolLM2, SMOLLM2, SMOLLM2_GGUF } from '../smollm2.ts';
import { askPython, python } from './ask.ts';
import { defaultSpec } from '../../src/settings/spec.ts';
import { adapterConfigOf } from '../../src/adapters/chosen.ts';

describe.skipIf(!python)('SmolLM2 in PEFT', () => {
  describeSmolLM2('SmolLM2-135M-Instruct', () => {
    let device: Device;
    let out: string;
    beforeAll(async () => {
      device = await openProcessor();
      out = mkdtempSync(join(tmpdir(), 'graft-interop-'));
    });
    afterAll(() => {
      device?.close();
      rmSync(out, { recursive: true, force: true });
    });

    test('an adapter trained on the GGUF file gives the same logits', async () => {
      const model = await LanguageModel.load(device, await modelOf(SMOLLM2_GGUF), {
        precision: 'f32',
        baseWeights: { matrices: 'f32' },
      });
      // The last row is the shortest: 43 tokens.
      const rows = sharedJsonl<{ ids: number[]; labels: number[] }>(
        'reference',
        'SmolLM2-135M-Instruct',
        'rows.jsonl',
      ).slice(-1);
      const { ids } = rows[0];
      const options = { ...defaultSpec(), steps: 1, batch: 1, warmup: 0, lr: 5e-3 };
      const modules = adapterModules(model.definition, options);
      const adapter = new Adapter(device, modules, initialTensors(modules, 1), { trainable: true });
      const trainable = { model, adapter, store: adapter.store };
      const trainer = await Trainer.create({ trainable, options, rows });
      expect(await trainer.run()).toBe('done');
      await writeFolder(
        out,
        writePeft(
          { config: adapterConfigOf(options), modules, tensors: await trainer.result() },
          { baseModel: SMOLLM2 },
        ),
      );
      const [tuned, base] = [await model.logits(ids, adapter), await model.logits(ids)];
      const [theirs] = await askPython([{ model: SMOLLM2, gguf: basename(SMOLLM2_GGUF), adapter: out, ids }]);
      expect(largest(theirs.logits.flat(), tuned)).toBeLessThan(1e-3);
      expect(largest(base, tuned)).toBeGreaterThan(0.1);
      await trainer.destroy();
      adapter.destroy();
      await model.destroy();
    });
  });
});

function largest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a).toHaveLength(b.length);
  let most = 0;
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i] - b[i]));
  return most;
}
