/** A run that Graft began and TRL continues has the numbers of one that Graft made alone. Needs a Python with TRL and accelerate. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readPeft } from '../../src/export/peft.ts';
import { folder } from '../../src/cli/files.ts';
import { readLineage } from '../../src/cli/lineage.ts';
import { readModel } from '../../src/model/family.ts';
import { metricsOf, temporaryFolder, VOICE } from '../engine/graft-command.ts';
import { SPRIG } from '../engine/sprig.ts';
import { continueWith, expectAlike, graftWell, pythonWithTrl, train } from './trl.ts';

const at = temporaryFolder();
const SFT = [
  ...[
    '--data',
    VOICE,
    '--batch',
    '2',
    '--accumulate',
    '2',
    '--max-length',
    '64',
    '--rank',
    '2',
    '--lr',
    '5e-3',
  ],
  ...[
    '--schedule',
    'constant',
    '--warmup',
    '3',
    '--weight-decay',
    '0.05',
    '--lr-ratio',
    '2',
    '--val-fraction',
    '0.1',
  ],
];

/** What Python reads of YAML files. */
function yamlOf(...paths: readonly string[]): unknown {
  const code =
    'import json, sys, yaml; print(json.dumps([yaml.safe_load(open(path)) for path in sys.argv[1:]]))';
  const { status, stdout, stderr } = spawnSync(pythonWithTrl!, ['-c', code, ...paths], { encoding: 'utf8' });
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout);
}

describe.skipIf(!pythonWithTrl)('TRL', () => {
  test('continues a supervised run after its last step with the losses of Graft, and the adapter comes back', async () => {
    await train(at('own'), 20, SFT);
    await train(at('ten'), 10, SFT);
    await graftWell('export', '--run', at('ten'), '--format', 'trl', '--out', at('trl'));
    const theirs = continueWith(at('trl'), at('continued'), 10);
    expectAlike(theirs, metricsOf(at('own')).slice(10));

    const model = await readModel(folder(SPRIG));
    const [own, continued] = [
      await readPeft(folder(at('own')), model),
      await readPeft(folder(at('continued')), model),
    ];
    expect(continued.modules).toEqual(own.modules);
    const lineage = await readLineage(at('continued'));
    expect(lineage).toMatchObject({
      steps: 20,
      objective: 'sft',
      flags: (await readLineage(at('own')))!.flags,
    });
  });

  test('shares its settings with the configurations for other programs', async () => {
    for (const format of ['axolotl', 'llama-factory'])
      await graftWell('export', '--run', at('ten'), '--format', format, '--out', at(format));
    const [one, fsdp, axolotl, factory] = yamlOf(
      ...[at('trl', 'accelerate.yaml'), at('trl', 'accelerate-fsdp.yaml')],
      ...[at('axolotl', 'config.yaml'), at('llama-factory', 'train.yaml')],
    ) as Record<string, unknown>[];
    expect(one).toMatchObject({ mixed_precision: 'no', num_processes: 1 });
    expect(fsdp).toMatchObject({ distributed_type: 'FSDP', fsdp_config: { fsdp_version: 2 } });
    const shared = {
      learning_rate: 5e-3,
      weight_decay: 0.05,
      adam_epsilon: 1e-8,
      max_grad_norm: 1,
      warmup_steps: 3,
    };
    expect(axolotl).toMatchObject({
      ...{ ...shared, lora_r: 2, loraplus_lr_ratio: 2 },
      datasets: [{ path: 'train.jsonl', ds_type: 'json', type: null }],
      test_datasets: [{ path: 'validation.jsonl' }],
      lora_model_dir: '.',
    });
    expect(axolotl).not.toHaveProperty('val_set_size');
    expect(factory).toMatchObject({
      ...shared,
      stage: 'sft',
      adapter_name_or_path: '.',
      dataset: 'graft_train',
      dataset_dir: '.',
    });
    const infos = JSON.parse(readFileSync(at('llama-factory', 'dataset_info.json'), 'utf8')) as {
      graft_train: { file_name: string };
    };
    const named = [
      ...['train.jsonl', 'validation.jsonl'].map((file) => at('axolotl', file)),
      at('llama-factory', infos.graft_train.file_name),
      ...['axolotl', 'llama-factory'].map((format) => at(format, 'adapter_model.safetensors')),
    ];
    expect(named.filter((file) => !existsSync(file))).toEqual([]);
  });
});
