/** Learning from rewards against numbers of TRL: log-probabilities, loss types, gradients, and reported sums. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Adapter } from '../../src/adapters/adapter.ts';
import { readPolicyRows } from '../../src/cli/policy-rows.ts';
import { readPeft } from '../../src/export/peft.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { learningOf } from '../../src/train/learning.ts';
import { policyGradients, type PolicyGradients } from '../../src/train/policy/gradients.ts';
import { withSamples, type SampledRow } from '../../src/train/policy/sampled.ts';
import type { FileSet } from '../../src/weights/bytes.ts';
import { describeShared, sharedFolder } from '../shared.ts';
import { describeDevice, onCpu } from './adapters.ts';
import { readJsonOf, readLinesOf, readTensorsOf, referenceFolder } from './reference-file.ts';
import { worstError } from './run.ts';
import { specWithIdle } from '../../src/settings/spec.ts';

/** Numbers of TRL in one place. */
interface Place {
  readonly model: FileSet;
  readonly adapter: FileSet;
  /** A folder of its objectives. */
  readonly open: (...parts: string[]) => FileSet;
  readonly cases: readonly string[];
  /** Cases that only the CPU engine has in `npm test`: a GPU computes them by the same kernels with other numbers. */
  readonly further?: readonly string[];
}

describeDevice('learning from rewards', (context) => {
  const compare = ({ model: base, adapter: start, open, cases, further = [] }: Place): void => {
    let model: LanguageModel;
    let rows: SampledRow[];
    beforeAll(async () => {
      model = await LanguageModel.load(context.device, base, { precision: 'f32' });
      const lines = await readLinesOf<object>(open('groups'), 'rows.jsonl');
      rows = readPolicyRows(lines.map((row) => JSON.stringify(row)).join('\n'), 'rows.jsonl', {
        scaleRewards: 'group',
      });
    });
    afterAll(() => model.destroy());

    const learn = (flags: Record<string, string | number | boolean>) =>
      learningOf(
        specWithIdle({
          ...{ objective: 'grpo', lossType: flags['loss-type'], beta: flags['beta'] },
          ...{ epsilon: flags['epsilon'], epsilonHigh: flags['epsilon-high'] },
          ...(flags['max-completion-length'] !== undefined && {
            maxCompletionLength: flags['max-completion-length'],
          }),
          ...(flags['no-kl-correction'] === true && { klCorrection: false }),
        }),
      );
    const compute = async (
      batches: readonly (readonly SampledRow[])[],
      learning: ReturnType<typeof learn>,
    ): Promise<PolicyGradients> => {
      const { modules, tensors } = await readPeft(start, model.definition);
      const adapter = new Adapter(context.device, modules, tensors, { trainable: true });
      const found = await policyGradients({ model, adapter, store: adapter.store }, batches, learning);
      adapter.destroy();
      return found;
    };

    const compareCase = async (name: string): Promise<void> => {
      const files = open('cases', name);
      const { flags } = await readJsonOf<{ flags: Record<string, string | number | boolean> }>(
        files,
        'settings.json',
      );
      const { floats } = await readTensorsOf(files, 'out.safetensors');
      const gradients = (await readTensorsOf(files, 'grads.safetensors')).floats;
      const learning = learn(flags);
      const found = await compute([rows], learning);
      expect(Math.abs(found.loss - floats.get('loss')![0])).toBeLessThan(1e-4);
      const wanted = floats.get('logps')!;
      const mask = floats.get('mask')!;
      const T = wanted.length / rows.length;
      found.logProbabilities.forEach((values, row) =>
        Array.from({ length: T }, (_, t) => row * T + t).forEach((place, t) => {
          expect(t < values.length).toBe(mask[place] === 1);
          if (t < values.length) expect(Math.abs(values[t] - wanted[place])).toBeLessThan(1e-3);
        }),
      );
      for (const clip of ['clip_ratio', 'clip_ratio_low', 'clip_ratio_high'])
        expect(found.report![clip], clip).toBeCloseTo(floats.get(clip)![0], 6);
      expect(found.report!['clip_ratio']).toBeGreaterThan(0);
      if (floats.has('kl')) expect(found.report!['kl']).toBeCloseTo(floats.get('kl')![0], 5);
      expect([...found.gradients.keys()].sort()).toEqual([...gradients.keys()].sort());
      for (const [tensor, values] of gradients)
        expect(worstError(found.gradients.get(tensor)!, values), tensor).toBeLessThan(1e-4);

      const halves = await compute([rows.slice(0, 6), rows.slice(6)], learning);
      const accumulated = floats.get('loss_accumulated')!;
      accumulated.forEach((loss, i) => expect(Math.abs(halves.losses[i] - loss)).toBeLessThan(1e-4));
      expect(Math.abs(halves.loss - accumulated[0] - accumulated[1])).toBeLessThan(1e-4);
    };
    test.each(cases)('loss and gradients: %s', compareCase);
    onCpu(test).each(further)('loss and gradients: %s', compareCase);

    test('advantages follow from rewards, ratios from the policy itself, and the reference from the bare base', async () => {
      const lines = await readLinesOf<Record<string, unknown>>(open('groups'), 'rows.jsonl');
      const bare = lines.map(({ prompt_ids, completion_ids, reward, group }) =>
        JSON.stringify({ prompt_ids, completion_ids, reward, group }),
      );
      const without = readPolicyRows(bare.join('\n'), 'rows.jsonl', { scaleRewards: 'group' });
      without.forEach(({ samples }, at) =>
        expect(samples[0].advantage).toBeCloseTo(rows[at].samples[0].advantage, 5),
      );
      const learning = learn({ 'loss-type': 'grpo', beta: 0.04, epsilon: 0.2 });
      const found = await compute([without], learning);
      // The reference of these rows is the bare base.
      const { floats } = await readTensorsOf(open('cases', 'grpo-kl'), 'out.safetensors');
      const T = floats.get('logps')!.length / rows.length;
      const known = withSamples(
        rows,
        rows.map(({ samples: [{ ids }] }, at) => ({
          old: floats.get('logps')!.slice(at * T, at * T + ids.length),
        })),
      );
      const same = await compute([known], learning);
      expect(Math.abs(found.loss - same.loss)).toBeLessThan(1e-5);
      for (const [tensor, values] of same.gradients)
        expect(worstError(found.gradients.get(tensor)!, values), tensor).toBeLessThan(1e-4);
    });
  };

  describe('a tiny model, against TRL', () => {
    const open = (...parts: string[]): FileSet => referenceFolder('objectives', ...parts);
    compare({
      ...{ model: open('model'), adapter: open('adapter'), open },
      cases: ['grpo', 'grpo-kl', 'grpo-kl-plain', 'dapo-kl', 'dr-grpo-kl', 'bnpo-kl'],
    });
  });

  describeShared('a pre-trained model, against TRL', () =>
    compare({
      model: sharedFolder('models', 'stories260K'),
      adapter: sharedFolder('reference', 'stories260K', 'lora', 'adapter'),
      open: (...parts) => sharedFolder('reference', 'objectives', ...parts),
      cases: ['grpo-kl'],
      further: ['grpo', 'grpo-kl-plain', 'dapo', 'dapo-kl', 'dr-grpo', 'dr-grpo-kl', 'bnpo', 'bnpo-kl'],
    }),
  );
});
