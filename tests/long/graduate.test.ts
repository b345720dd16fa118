/** Runs that TRL continues with two processes, and runs of other objectives. Needs a Python with TRL and accelerate. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { metricsOf, temporaryFolder, VOICE } from '../engine/graft-command.ts';
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
