/**
 * Training steps with shared prefixes and without, in turn on one model: pairs of answers of 30 tokens to a prompt of 200, the same under a system
 * prompt that all pairs have, supervised rows of 40 tokens under an instruction of 300, and the loss of eight sampled answers to a prompt of 200. On the CPU engine. The time of the processor says more than the clock on a machine that does other work, too.
 *
 *   node --import tsx --loader ./bin/wgsl-loader.mjs bench/shared-prefixes.ts [model folder] [steps] [threads]
 */
import { loadavg } from 'node:os';
import { Adapter } from '../src/adapters/adapter.ts';
import { adapterConfigOf } from '../src/adapters/chosen.ts';
import { adapterModules, initialTensors } from '../src/adapters/registry.ts';
import { openProcessor } from '../src/cli/cpu.ts';
import { modelOf } from '../src/cli/files.ts';
import { sizeOfRows, writeBatch, type LabelledTokens } from '../src/model/batch.ts';
import { LanguageModel } from '../src/model/language-model.ts';
import { Random } from '../src/random.ts';
import { specOf, type RunSpec } from '../src/settings/spec.ts';
import type { StepEvent } from '../src/train/events.ts';
import { learningOf } from '../src/train/learning.ts';
import { sampledRow, writeSampled } from '../src/train/policy/sampled.ts';
import {
  recordGradients,
  recordReference,
  sharedTensors,
  statsSize,
  writeSharpness,
} from '../src/train/step-plans.ts';
import { Trainer } from '../src/train/trainer.ts';

const [path = 'public/models/sprig', stepCount = '3', threads = '2'] = process.argv.slice(2);
const steps = Number(stepCount);

const random = new Random(7);
/** Ids that every vocabulary has. */
const tokens = (count: number): number[] =>
  Array.from({ length: count }, () => 10 + Math.floor(random.float() * 900));
const unlabelled = (ids: readonly number[]): number[] => ids.map(() => -100);

/** Pairs of answers to a prompt of their own, which follows a system prompt that all have. */
function pairs(count: number, prompt: number, answer: number, system = 0): LabelledTokens[] {
  const common = tokens(system);
  return Array.from({ length: count }, () => {
    const asked = [...common, ...tokens(prompt)];
    const answers = [tokens(answer), tokens(answer)];
    return {
      ids: answers.flatMap((one) => [...asked, ...one]),
      labels: answers.flatMap((one) => [...unlabelled(asked), ...one]),
      starts: [system + prompt + answer],
    };
  });
}

/** Rows of `own` tokens after an instruction that all have: half of them a question, the others its answer. */
function instructed(count: number, instruction: number, own: number): LabelledTokens[] {
  const common = tokens(instruction);
  return Array.from({ length: count }, () => {
    const [question, answer] = [tokens(own / 2), tokens(own / 2)];
    return {
      ids: [...common, ...question, ...answer],
      labels: [...unlabelled(common), ...unlabelled(question), ...answer],
    };
  });
}

interface Contestant {
  readonly name: string;
  readonly trainer: Trainer;
  readonly seconds: number[];
  readonly processor: number[];
  last?: StepEvent;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** How many times as fast the second is: the median over pairs of steps that ran one after the other, and the least and the most. */
function printGain([off, auto]: readonly Pick<Contestant, 'seconds' | 'processor'>[]): void {
  const gains = (of: 'seconds' | 'processor') => off[of].map((value, at) => value / auto[of][at]);
  const [clock, processor] = [gains('seconds'), gains('processor')];
  console.log(
    `  ${median(clock).toFixed(2)} × by the clock (${Math.min(...clock).toFixed(2)} to ${Math.max(...clock).toFixed(2)}), ${median(processor).toFixed(2)} × by the processor; ${clock.length} pairs of steps`,
  );
}

async function compare(
  model: LanguageModel,
  title: string,
  rows: readonly LabelledTokens[],
  settings: Partial<RunSpec>,
): Promise<void> {
  const contestants: Contestant[] = [];
  for (const sharePrefixes of ['off', 'auto'] as const) {
    const spec = specOf({ ...settings, sharePrefixes, steps: steps + 1, warmup: 0, maxLength: 512 });
    const modules = adapterModules(model.definition, adapterConfigOf(spec));
    const adapter = new Adapter(model.device, modules, initialTensors(modules, 1), { trainable: true });
    const contestant: Contestant = {
      name: sharePrefixes,
      trainer: await Trainer.create({
        trainable: { model, adapter, store: adapter.store },
        options: spec,
        rows,
        onEvent: (event) => {
          if (event.type === 'step') contestant.last = event;
        },
      }),
      seconds: [],
      processor: [],
    };
    contestants.push(contestant);
  }
  for (let step = 1; step <= steps + 1; step++) {
    // They take turns to go first, so that neither gains when the machine changes its speed.
    for (const { trainer, seconds, processor } of step % 2 ? contestants : [...contestants].reverse()) {
      const [clock, used] = [performance.now(), process.cpuUsage()];
      await trainer.run(1);
      const { user, system } = process.cpuUsage(used);
      // The first one computes the reference policy as well.
      if (step === 1) continue;
      seconds.push((performance.now() - clock) / 1e3);
      processor.push((user + system) / 1e6);
    }
  }
  console.log(`${title}; load ${loadavg()[0].toFixed(1)}`);
  for (const { name, seconds, processor, last } of contestants)
    console.log(
      `  ${name.padEnd(4)} ${median(seconds).toFixed(2)} s a step, ${median(processor).toFixed(2)} s of the processor; ` +
        `${last!.computedTokens ?? last!.tokens} of ${last!.tokens} tokens computed; loss ${last!.loss.toFixed(6)}`,
    );
  printGain(contestants);
  for (const { trainer } of contestants) await trainer.destroy();
}

/** The loss of a group of sampled answers: log-probabilities by policy and reference, and the gradients of the policy. */
async function compareSampled(model: LanguageModel, prompt: number, answer: number): Promise<void> {
  const spec = specOf({ objective: 'grpo', beta: 0.04, numGenerations: 8, maxCompletionLength: answer });
  const learning = learningOf(spec);
  const modules = adapterModules(model.definition, adapterConfigOf(spec));
  const adapter = new Adapter(model.device, modules, initialTensors(modules, 1), { trainable: true });
  const trainable = { model, adapter, store: adapter.store };
  const samples = Array.from({ length: 8 }, (_, at) => ({ ids: tokens(answer), advantage: at - 3.5 }));
  const rows = [sampledRow(tokens(prompt), samples)];
  const contestants = await Promise.all(
    [false, true].map(async (shares) => {
      const size = sizeOfRows(rows, shares ? Infinity : 1);
      const stats = sharedTensors(model, learning);
      const policy = recordGradients(trainable, size, stats, { learning });
      const reference = recordReference({ model }, size, stats, learning);
      return {
        ...{ name: shares ? 'auto' : 'off', size, stats, policy, reference },
        plan: await model.device.compile(policy.tape, model.pool),
        before: await model.device.compile(reference.tape, model.pool),
        seconds: [] as number[],
        processor: [] as number[],
        loss: NaN,
      };
    }),
  );
  for (let step = 1; step <= steps + 1; step++) {
    for (const one of step % 2 ? contestants : [...contestants].reverse()) {
      const [clock, used] = [performance.now(), process.cpuUsage()];
      const { plan, before, policy, reference, stats } = one;
      writeSharpness(before, reference.policies);
      writeBatch(before, reference.inputs, rows);
      before.run();
      const known = new Float32Array(await before.read(reference.policies.trained!));
      model.device.write(stats.stats, new Float32Array(statsSize(learning.objective)));
      writeSharpness(plan, policy.policies);
      writeSampled(plan, policy.inputs, policy.policies, rows, new Array<number>(8).fill(1));
      plan.write(policy.policies.reference!, known);
      plan.run({ clear: adapter.store.gradients });
      one.loss = new Float32Array(await model.device.read(stats.stats))[0];
      const { user, system } = process.cpuUsage(used);
      if (step === 1) continue;
      one.seconds.push((performance.now() - clock) / 1e3);
      one.processor.push((user + system) / 1e6);
    }
  }
  console.log(
    `the loss of 8 answers of ${answer} to a prompt of ${prompt} (grpo); load ${loadavg()[0].toFixed(1)}`,
  );
  for (const { name, seconds, processor, size, loss } of contestants)
    console.log(
      `  ${name.padEnd(4)} ${median(seconds).toFixed(2)} s, ${median(processor).toFixed(2)} s of the processor; ${size.tokens} tokens computed; loss ${loss.toFixed(6)}`,
    );
  printGain(contestants);
  for (const { plan, before } of contestants) {
    plan.destroy();
    before.destroy();
  }
  adapter.destroy();
}

const device = await openProcessor({ threads: Number(threads) });
const model = await LanguageModel.load(device, await modelOf(path), { precision: 'f32' });

await compareSampled(model, 200, 30);
await compare(model, '2 pairs of a prompt of 200 and answers of 30 (dpo)', pairs(8, 200, 30), {
  objective: 'dpo',
  batch: 2,
});
await compare(
  model,
  '4 pairs of a prompt of 50 after a system prompt of 150, answers of 30 (dpo)',
  pairs(16, 50, 30, 150),
  { objective: 'dpo', batch: 4 },
);
await compare(model, '8 rows of 40 under an instruction of 300 (sft)', instructed(32, 300, 40), { batch: 8 });
await compare(model, '8 rows of 100 with nothing in common (sft)', instructed(32, 0, 100), { batch: 8 });
process.exit(0);
