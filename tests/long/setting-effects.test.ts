/**
 * Every setting in every kind of run: it changes what the run computes or takes, or the command refuses it. What a run leaves in silence as it was
 * is a setting that a person believes in for nothing.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync, copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { randomFiles } from '../../src/model/random-files.ts';
import { flagText, negativeOf } from '../../src/settings/flag-text.ts';
import { METHODS, REGISTRY } from '../../src/settings/registry.ts';
import type { Given, Setting, SettingValue } from '../../src/settings/setting.ts';
import { TABLE, type SettingName } from '../../src/settings/table.ts';
import { DEVICE_HERE, graftHere, temporaryFolder } from '../engine/graft-command.ts';
import { SPRIG } from '../engine/sprig.ts';

const at = temporaryFolder();

/** A Llama of two layers with the bundled tokenizer, whose numbers are random. */
const CONFIG = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  hidden_size: 32,
  intermediate_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  vocab_size: 1024,
  max_position_embeddings: 256,
  rms_norm_eps: 1e-5,
  rope_theta: 10_000,
  tie_word_embeddings: true,
  hidden_act: 'silu',
};

const WORDS = ['hen', 'rake', 'pond', 'old cat', 'tomato', 'spade in a shed', 'bee', 'goat'];
const ROWS = {
  answers: WORDS.map((word, i) => ({
    prompt: `What is ${word}?`,
    completion: `${word}, ${WORDS[(i + 3) % 8]}`,
  })),
  pairs: WORDS.map((word, i) => ({
    prompt: `What is ${word}?`,
    chosen: `${word}, ${WORDS[(i + 3) % 8]}`,
    rejected: `No ${WORDS[(i + 5) % 8]}`,
  })),
  unpaired: WORDS.map((word, i) => ({
    prompt: `What is ${word}?`,
    completion: `${word}!`,
    label: i % 2 === 0,
  })),
};
const fileFor = (objective: string): keyof typeof ROWS => {
  const { rows } = REGISTRY.objectives.find(({ name }) => name === objective)!;
  return rows === 'prompts' || rows === 'queries' ? 'answers' : rows;
};
/** The model here writes texts. */
const OBJECTIVES = REGISTRY.objectives.filter((objective) => !('encodes' in objective));

/** A value other than the default, as a run would have it. */
const OTHER: Readonly<Partial<Record<SettingName, SettingValue>>> = {
  steps: 4,
  epochs: 5,
  batch: 3,
  accumulate: 1,
  maxLength: 14,
  lr: 0.02,
  schedule: 'linear',
  warmup: 2,
  weightDecay: 0.2,
  clip: 1e-3,
  seed: 7,
  packing: true,
  shuffle: false,
  checkpointing: true,
  sharePrefixes: 'auto',
  evalEvery: 2,
  patience: 1,
  momentum: 0.5,
  rank: 4,
  alpha: 5,
  dropout: 0.3,
  rsLora: true,
  targets: ['v_proj'],
  rankPattern: { q_proj: 2 },
  alphaPattern: { q_proj: 3 },
  layersToTransform: [1],
  modulesToSave: 'lm_head',
  addTokens: ['<|zork|>'],
  rateRatio: 4,
  pissaIterations: 2,
  feedforward: ['v_proj'],
  virtualTokens: 3,
  promptText: 'a hen',
  evaRho: 1,
  evaTau: 0.2,
  evaLabelMask: false,
  evaWhiten: true,
  evaAdjustScaling: false,
  normParts: 'biases',
  trainWeights: 'no-embeddings',
  lastLayers: 1,
  beta: 0.7,
  reference: 'start',
  labelSmoothing: 0.2,
  sftWeight: 0.5,
  desirableWeight: 2,
  undesirableWeight: 2,
  simpoGamma: 1,
  numGenerations: 3,
  maxCompletionLength: 5,
  lossType: 'dr_grpo',
  epsilon: 0.05,
  epsilonHigh: 0.05,
  klCorrection: false,
  numIterations: 2,
  temperature: 0.5,
  topP: 0.5,
  topK: 2,
  maskTruncated: true,
  scaleRewards: 'none',
  adjustLr: 'original',
  rewards: [{ name: 'length', least: 4 }] as never,
};
/** What a setting needs to do anything in so short a run. */
const WITH: Readonly<Partial<Record<SettingName, readonly string[]>>> = {
  // A validation loss that rises.
  patience: ['--lr=3', '--steps=8', '--eval-every=1'],
  // Answers of different lengths.
  lossType: ['--max-completion-length=200'],
};

const RUN = TABLE.settings.filter(
  ({ part, flag, name }) =>
    part === 'run' && flag !== undefined && !['method', 'objective', 'optimiser'].includes(name),
);

function argsOf(setting: Setting, value: SettingValue): string[] {
  const text = flagText(setting, value);
  if (text === true) return [`--${setting.flag}`];
  return text === false ? [`--${negativeOf(setting.flag!)}`] : [`--${setting.flag}=${text}`];
}

let runs = 0;
/** What a run computes and takes, without its times; the error where it is refused. */
async function outcome(
  choice: Given,
  more: readonly string[],
): Promise<{ code: number | null; what: string }> {
  const { method = 'lora', objective = 'sft', optimiser = 'adamw' } = choice as Record<string, string>;
  const out = at(`run-${runs++}`);
  const has = (name: string): boolean => more.some((word) => word.startsWith(`--${name}`));
  const { code, err } = await graftHere([
    'train',
    ...['--model', at('model'), '--data', at(`${fileFor(objective)}.jsonl`), '--out', out, ...DEVICE_HERE],
    ...['--method', method, '--objective', objective, '--optimiser', optimiser],
    ...(has('steps') || has('epochs') ? [] : ['--steps', '3']),
    ...(has('batch') ? [] : ['--batch', '2']),
    ...(has('accumulate') ? [] : ['--accumulate', '2']),
    ...(has('lr=') ? [] : ['--lr', '0.01']),
    ...(has('warmup') ? [] : ['--warmup', '0']),
    ...(has('val-fraction') ? [] : ['--val-fraction', '0.25']),
    ...(has('max-length') ? [] : ['--max-length', '48']),
    ...(objective === 'grpo' && !has('reward') ? ['--reward', at('reward.js')] : []),
    ...(objective === 'grpo' && !has('num-generations') ? ['--num-generations', '2'] : []),
    ...(objective === 'grpo' && !has('max-completion') ? ['--max-completion-length', '8'] : []),
    ...more,
  ]);
  if (code !== 0) return { code, what: err };
  const read = (name: string): string =>
    createHash('sha256')
      .update(readFileSync(join(out, name)))
      .digest('hex');
  const lines = readFileSync(join(out, 'metrics.jsonl'), 'utf8').replaceAll(
    /"(seconds|[a-z_]*seconds[a-z_]*|tokens_per_second)":[^,}]+/g,
    '',
  );
  const taken = /\(([^()]*) of memory at its peak\)/.exec(err)?.[1] ?? '';
  const weights =
    method === 'full' ? ['model.safetensors'] : ['adapter_model.safetensors', 'adapter_config.json'];
  const what = [lines, taken, ...weights.map(read)].join('\n');
  rmSync(out, { recursive: true });
  return { code, what };
}

beforeAll(async () => {
  writeFileSync(
    at('reward.js'),
    'export default ({ completion }) => [...completion].filter((letter) => /[a-m]/.test(letter)).length;\n',
  );
  mkdirSync(at('model'));
  const files = randomFiles('tiny', CONFIG);
  for (const name of files.list()) {
    const source = (await files.open(name))!;
    writeFileSync(at('model', name), await source.read(0, source.size));
  }
  for (const name of ['tokenizer.json', 'tokenizer_config.json'])
    copyFileSync(join(SPRIG, name), at('model', name));
  for (const [name, rows] of Object.entries(ROWS))
    writeFileSync(at(`${name}.jsonl`), rows.map((row) => JSON.stringify(row)).join('\n'));
});

const CHOICES: readonly Given[] =
  process.env['EFFECTS'] === 'all'
    ? METHODS.flatMap(({ name: method }) => OBJECTIVES.map(({ name: objective }) => ({ method, objective })))
    : [
        ...METHODS.map(({ name: method }) => ({ method })),
        ...OBJECTIVES.slice(1).map(({ name: objective }) => ({ objective })),
        ...REGISTRY.optimisers.slice(1).map(({ name: optimiser }) => ({ optimiser })),
      ];

describe.each(CHOICES)('a run with %o', (choice) => {
  test('has no setting that does nothing in silence', async () => {
    const usual = await outcome(choice, []);
    expect(usual.code, usual.what).toBe(0);
    const silent: string[] = [];
    for (const setting of RUN) {
      const value = OTHER[setting.name as SettingName];
      if (value === undefined) {
        silent.push(`no value for ${setting.name}`);
        continue;
      }
      const needed = WITH[setting.name as SettingName];
      const before = needed ? await outcome(choice, needed) : usual;
      const { code, what } = await outcome(choice, [...(needed ?? []), ...argsOf(setting, value)]);
      if (process.env['SHOW'] && code !== 0)
        console.log(JSON.stringify(choice), setting.name, code, what.trim().split('\n').at(-1));
      if (code === 0 ? what === before.what : code !== 2)
        silent.push(code === 0 ? setting.name : `${setting.name}: ${what}`);
    }
    expect(silent).toEqual([]);
  });
});
