/** Runs that TRL continues with two processes, and runs of other objectives. Needs a Python with TRL and accelerate. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { folder } from '../../src/cli/files.ts';
import { readPeft } from '../../src/export/peft.ts';
import { readModel } from '../../src/model/family.ts';
import { DEVICE_HERE, graft, metricsOf, temporaryFolder, VOICE } from '../engine/graft-command.ts';
import { SPRIG } from '../engine/sprig.ts';
import { continueWith, expectAlike, graftWell, pythonWithTrl, train } from '../interop/trl.ts';

const at = temporaryFolder();
const SFT = [
  '--data',
  VOICE,
  '--max-length',
  '64',
  '--rank',
  '4',
  '--lr',
  '3e-3',
  '--schedule',
  'constant',
  '--warmup',
  '2',
];

const SAMPLES = join(import.meta.dirname, '../../public/samples/more');

describe.skipIf(!pythonWithTrl)('TRL', () => {
  test.each([
    ['dpo', ['--method', 'dora', '--sft-weight', '0.5'], 'pairs.jsonl'],
    ['ipo', [], 'pairs.jsonl'],
    ['hinge', [], 'pairs.jsonl'],
    ['apo-zero', [], 'pairs.jsonl'],
    ['apo-down', [], 'pairs.jsonl'],
    ['kto', ['--desirable-weight', '1.5'], 'votes.jsonl'],
  ])('continues a run of %s with the losses of Graft', async (objective, more, rows) => {
    const args = [
      ...[
        '--objective',
        objective,
        '--data',
        join(SAMPLES, rows),
        '--max-length',
        '96',
        '--rank',
        '4',
        ...more,
      ],
      ...['--batch', '4', '--accumulate', '2', '--lr', '2e-3', '--schedule', 'constant', '--warmup', '3'],
    ];
    await train(at(objective, 'own'), 20, args);
    await train(at(objective, 'ten'), 10, args);
    await graftWell(
      'export',
      '--run',
      at(objective, 'ten'),
      '--format',
      'trl',
      '--out',
      at(objective, 'trl'),
    );
    const theirs = continueWith(at(objective, 'trl'), at(objective, 'continued'), 10);
    expectAlike(theirs, metricsOf(at(objective, 'own')).slice(10));
  });

  test('compares with the adapter that a run started from', async () => {
    const shared = ['--max-length', '96', '--batch', '4', '--schedule', 'constant', '--warmup', '2'];
    await train(at('first'), 8, [...shared, '--data', VOICE, '--rank', '2', '--lr', '5e-3']);
    const dpo = [
      ...[...shared, '--data', join(SAMPLES, 'pairs.jsonl'), '--objective', 'dpo', '--lr', '2e-3'],
      ...['--init-adapter', at('first')],
    ];
    await train(at('start', 'own'), 20, dpo);
    await train(at('start', 'ten'), 10, dpo);
    await graftWell('export', '--run', at('start', 'ten'), '--format', 'trl', '--out', at('start', 'trl'));
    const theirs = continueWith(at('start', 'trl'), at('start', 'continued'), 10);
    expectAlike(theirs, metricsOf(at('start', 'own')).slice(10));
  });
});

describe.skipIf(!pythonWithTrl)('TRL with a run that trains weights of the model', () => {
  /** Trains until the state of step 10 is saved, and stops there. */
  async function tenSteps(out: string, args: readonly string[]): Promise<number> {
    let acted = false;
    const { code, err } = await graft(
      [
        ...['train', '--model', SPRIG, '--out', out, '--steps', '20', '--precision', 'f32', ...args],
        ...DEVICE_HERE,
      ],
      (printed, kill) => {
        if (acted || !printed.includes('Step 9 of')) return;
        acted = true;
        kill('SIGINT');
      },
    );
    expect(code, err).toBe(130);
    return metricsOf(out).at(-1)!.step;
  }

  test.each([
    ['all weights', ['--schedule', 'cosine']],
    ['norms and biases', ['--train-weights', 'norms', '--schedule', 'constant']],
  ])('continues %s with the losses of Graft, and Graft reads the model', async (name, more) => {
    const args = [
      ...['--data', VOICE, '--method', 'full', '--max-length', '64', '--batch', '2', '--accumulate', '2'],
      ...['--lr', '1e-3', '--warmup', '3', '--weight-decay', '0.05', ...more],
    ];
    await train(at(name, 'own'), 20, args);
    const step = await tenSteps(at(name, 'ten'), args);
    expect(step).toBeLessThan(20);
    await graftWell('export', '--run', at(name, 'ten'), '--format', 'trl', '--out', at(name, 'trl'));
    const theirs = continueWith(at(name, 'trl'), at(name, 'continued'), 20 - step);
    expectAlike(theirs, metricsOf(at(name, 'own')).slice(step));
    const ask = (model: string): Promise<{ code: number | null; out: string; err: string }> =>
      graft([
        'generate',
        '--model',
        model,
        '--prompt',
        'Who are you?',
        '--max-new-tokens',
        '12',
        ...DEVICE_HERE,
      ]);
    const [own, continued] = [await ask(at(name, 'own')), await ask(at(name, 'continued'))];
    expect(continued.code, continued.err).toBe(0);
    expect(continued.out).toBe(own.out);
  });
});

test.skipIf(!pythonWithTrl)(
  'TRL continues a run of rewards at its step, with its settings and rewards',
  async () => {
    const rewards = JSON.stringify([
      { name: 'length', least: 4, most: 8, span: 16 },
      { name: 'token-f1', weight: 0.5 },
    ]);
    writeFileSync(at('rewards.json'), rewards);
    await train(at('grpo'), 3, [
      ...['--data', VOICE, '--objective', 'grpo', '--reward', at('rewards.json'), '--num-generations', '4'],
      ...[
        '--max-completion-length',
        '12',
        '--batch',
        '1',
        '--accumulate',
        '2',
        '--rank',
        '2',
        '--lr',
        '2e-2',
        // Without it all answers to a prompt are the same, and nothing is learned.
        '--temperature',
        '1.5',
      ],
      ...['--beta', '0.04', '--max-length', '64'],
    ]);
    await graftWell('export', '--run', at('grpo'), '--format', 'trl', '--out', at('grpo-trl'));
    const theirs = continueWith(at('grpo-trl'), at('grpo-continued'), 2);
    expect(theirs.map(({ step }) => step)).toEqual([4, 5]);
    for (const line of theirs as unknown as Record<string, number>[]) {
      // What Graft reports of such a step, within what these rewards can give.
      expect(line.reward).toBeGreaterThanOrEqual(-1);
      expect(line.reward).toBeLessThanOrEqual(0.5);
      expect(line.completion_length).toBeLessThanOrEqual(12);
      // The reference is the base model: the first three steps count.
      expect(line.kl).toBeGreaterThan(1e-6);
      expect(line.lr).toBe(2e-2);
    }
    const adapter = await readPeft(folder(at('grpo-continued')), await readModel(folder(SPRIG)));
    expect(adapter.modules.length).toBeGreaterThan(0);
  },
);

describe.skipIf(!pythonWithTrl)('TRL with two processes', () => {
  test.each([
    ['an even number of rows', ['--batch', '2', '--accumulate', '2']],
    ['a number of rows that two cannot share', ['--batch', '3', '--accumulate', '1']],
  ])('has the losses of Graft on steps of %s', async (name, batch) => {
    await train(at(name, 'own'), 20, [...SFT, ...batch]);
    await train(at(name, 'ten'), 10, [...SFT, ...batch]);
    await graftWell('export', '--run', at(name, 'ten'), '--format', 'trl', '--out', at(name, 'trl'));
    const theirs = continueWith(at(name, 'trl'), at(name, 'continued'), 10, 2);
    expectAlike(theirs, metricsOf(at(name, 'own')).slice(10));
    expect(theirs.every((line) => (line as unknown as { processes: number }).processes === 2)).toBe(true);
  });
});
