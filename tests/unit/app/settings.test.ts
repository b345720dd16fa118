/** Presets and the reasons why settings cannot work. */
import { describe, expect, test } from 'vitest';
import { PRESETS, type Preset } from '../../../src/settings/presets.ts';
import { faultsOfSettings, PRESET_WORDS, presetOptions } from '../../../src/app/train/settings.ts';
import { TUNING_METHODS } from '../../../src/app/train/tuning-methods.ts';
import { suggest } from '../../../src/settings/defaults.ts';
import type { DataSummary, ModelInfo, FormSpec } from '../../../src/worker/api.ts';

const MODEL: ModelInfo = {
  name: 'sprig',
  bundled: true,
  modelType: 'llama',
  parameters: 1_300_000,
  layers: 6,
  vocabulary: 1024,
  maxPositions: 512,
  chatTemplate: true,
  systemPrompt: true,
  precision: 'f32',
  baseWeights: { matrices: 'stored' },
  fileTypes: ['F32'],
  fingerprint: 'f',
  content: 'c',
  targets: ['q_proj', 'v_proj'],
};
const NONE = { count: 0, rows: [], longest: 0 };
const DATA: DataSummary = {
  files: [{ name: 'rows.jsonl', version: 'a', rows: 360, unused: [] }],
  format: 'messages',
  numbering: 'line',
  left: [],
  rows: { train: 288, validation: 32, test: 40 },
  pairs: 0,
  prompts: 0,
  unpaired: { desirable: 0, undesirable: 0 },
  tokens: 1000,
  supervisedTokens: 500,
  longest: 50,
  problems: [],
  problemCount: 0,
  cut: NONE,
  dropped: NONE,
  unsupervised: NONE,
  skipped: NONE,
  copies: NONE,
  capped: NONE,
  tasks: [],
  notes: [],
  listed: 100,
  lengths: { width: 10, counts: [100], median: 5, longest: 9 },
  repeated: 0,
  leaks: [],
  leakCount: 0,
  columns: ['Prompt', 'Answer'],
};
const GOOD: FormSpec = {
  name: 'voice 1',
  steps: 60,
  batch: 8,
  accumulate: 1,
  maxLength: 96,
  lr: 0.006,
  schedule: 'cosine',
  warmup: 5,
  weightDecay: 0,
  clip: 1,
  rank: 8,
  alpha: 16,
  dropout: 0,
  rsLora: false,
  targets: ['q_proj', 'v_proj'],
  rateRatio: 1,
  seed: 42,
  packing: false,
  shuffle: true,
  rankPattern: {},
  alphaPattern: {},
  checkpointing: false,
  evalEvery: 10,
  patience: 0,
  sampleEvery: 10,
  samplePrompt: 'Who are you?',
};
const keysOf = (change: Partial<FormSpec>, data: DataSummary = DATA): string[] =>
  faultsOfSettings({ ...GOOD, ...change }, MODEL, data).map(({ key }) => key);

describe('faults', () => {
  test('good settings have none', () => expect(keysOf({})).toEqual([]));

  test.each<[string, Partial<FormSpec>]>([
    ['steps', { steps: 0 }],
    ['steps', { steps: 1.5 }],
    ['steps', { steps: NaN }],
    ['batch', { batch: 0 }],
    ['lr', { lr: 0 }],
    ['lr', { lr: NaN }],
    ['warmup', { warmup: 61 }],
    ['weightDecay', { weightDecay: 1 }],
    ['clip', { clip: -1 }],
    ['rank', { rank: 0 }],
    ['rank', { rank: 1025 }],
    ['rankPattern', { rankPattern: { q_proj: 0 } }],
    ['rankPattern', { rankPattern: { 'q_proj 8': NaN } }],
    ['alphaPattern', { alphaPattern: { q_proj: -1 } }],
    ['alpha', { alpha: 0 }],
    ['dropout', { dropout: 1 }],
    ['rateRatio', { rateRatio: 0 }],
    ['targets', { targets: [] }],
    ['targets', { targets: ['c_attn'] }],
    ['evalEvery', { evalEvery: -1 }],
    ['evalEvery', { evalEvery: 0, patience: 2 }],
    ['samplePrompt', { samplePrompt: ' ' }],
    ['seed', { seed: -1 }],
    ['seed', { seed: 2 ** 53 }],
    ['lastLayers', { method: 'full', lastLayers: 7 }],
    ['layersToTransform', { layersToTransform: [0, 6] }],
    ['layersToTransform', { layersToTransform: [-1] }],
    ['beta', { objective: 'grpo', beta: -1 }],
  ])('%s is named for %o', (key, change) => expect(keysOf(change)).toEqual([key]));

  test('an objective for encoders is refused, whatever the rows', () => {
    for (const data of [undefined, DATA])
      expect(faultsOfSettings({ ...GOOD, objective: 'contrastive', temperature: 0.05 }, MODEL, data)).toEqual(
        [
          {
            key: 'objective',
            reason:
              'The objective “Retriever (contrastive)” tunes an encoder, and the open model writes texts: choose another, or use the command graft train.',
          },
        ],
      );
    expect(TUNING_METHODS.map(({ choice }) => choice.objective)).not.toContain('contrastive');
  });

  test('report the limit that belongs to the model or the objective', () => {
    const reasons = (change: Partial<FormSpec>): string[] =>
      faultsOfSettings({ ...GOOD, ...change }, MODEL, undefined).map(({ reason }) => reason);
    expect(reasons({ method: 'full', lastLayers: 99 })).toEqual([
      'sprig has 6 layers: choose 1 to 6, or 0 for all.',
    ]);
    expect(reasons({ method: 'full', lastLayers: 6 })).toEqual([]);
    expect(reasons({ layersToTransform: [99] })).toEqual(['sprig has 6 layers: choose from 0 to 5.']);
    expect(reasons({ objective: 'dpo', beta: 0 })).toEqual(['Choose a number above 0, at most 100.']);
    expect(reasons({ objective: 'grpo', beta: 0 })).toEqual([]);
  });

  test('rows of another kind are named with every way out', () => {
    const [pairs] = faultsOfSettings({ ...GOOD, objective: 'sft' }, MODEL, { ...DATA, pairs: 360 });
    expect(pairs).toEqual({
      key: 'objective',
      reason:
        'The rows are pairs of answers, and the objective “Supervised” learns from single answers: choose “Preference (DPO)”, open rows with the columns prompt and completion, or learn only the chosen answers with the columns prompt and chosen under Data.',
    });
    const [answers] = faultsOfSettings({ ...GOOD, objective: 'dpo' }, MODEL, DATA);
    expect(answers.reason).toBe(
      'The rows are single answers, and the objective “Preference (DPO)” learns from pairs of answers: choose “Supervised”, or open rows with the columns prompt, chosen and rejected.',
    );
  });

  test('validation needs rows, and the reason says where to get them', () => {
    const data = { ...DATA, rows: { ...DATA.rows, validation: 0 } };
    const [fault] = faultsOfSettings(GOOD, MODEL, data);
    expect(fault).toMatchObject({ key: 'evalEvery', reason: expect.stringContaining('Data') });
    expect(keysOf({ evalEvery: 0 }, data)).toEqual([]);
  });
});

describe('presets', () => {
  test('balanced is what a sample suggests', () => {
    const suggestion = { steps: 60, batch: 8, lr: 0.006, rank: 8, alpha: 16 };
    expect(presetOptions('balanced', suggestion, 288, GOOD)).toMatchObject(suggestion);
  });

  test('balanced makes three passes over rows without a suggestion', () => {
    const { steps, batch } = presetOptions('balanced', suggest(MODEL), 288, GOOD);
    expect(steps * batch).toBe(3 * 288);
  });

  test('quick is shorter, thorough longer, slower and wider', () => {
    const [quick, balanced, thorough] = PRESETS.map((preset) =>
      presetOptions(preset, suggest(MODEL), 288, GOOD),
    );
    expect(quick.steps).toBeLessThan(balanced.steps);
    expect(thorough.steps).toBeGreaterThan(balanced.steps);
    expect(thorough.lr).toBeLessThan(balanced.lr);
    expect(thorough.rank).toBeGreaterThan(balanced.rank);
    expect(thorough.patience).toBeGreaterThan(0);
  });

  test.each([
    ['adamw', 0.004],
    ['lion', 0.0008],
    ['sgd', 0.2],
  ])('the rate of %s is to that of AdamW as their own are to each other', (optimiser, lr) => {
    const suggestion = { batch: 8, lr: 0.004, rank: 8, alpha: 16 };
    expect(presetOptions('balanced', suggestion, 288, { ...GOOD, optimiser }).lr).toBe(lr);
    expect(presetOptions('thorough', suggestion, 288, { ...GOOD, optimiser }).lr).toBe(lr / 2);
  });

  test.each([
    [undefined, 0.00025],
    ['dpo', 0.000025],
    ['simpo', 0.000075],
    ['orpo', 0.00025],
    ['grpo', 0.000125],
  ])('a run of all weights with %s takes a sixteenth of the objective’s rate', (objective, lr) => {
    const suggestion = { batch: 8, lr: 0.004, rank: 8, alpha: 16 };
    const full = { ...GOOD, method: 'full', objective } as const;
    expect(presetOptions('balanced', suggestion, 288, full).lr).toBe(lr);
  });

  test.each([
    [288, /^A third of the steps: /],
    [32, /^Fewer steps: /],
    [1, /^As many steps as Balanced: /],
  ])('quick says of %i rows what its steps are of the balanced ones', (rows, words) => {
    const stepsOf = Object.fromEntries(
      PRESETS.map((preset) => [preset, presetOptions(preset, suggest(MODEL), rows, GOOD).steps]),
    ) as Record<Preset, number>;
    expect(PRESET_WORDS.quick.what(stepsOf)).toMatch(words);
    expect(stepsOf.thorough).toBe(3 * stepsOf.balanced);
  });

  test('each can start, whatever the number of rows', () => {
    for (const preset of PRESETS)
      for (const rows of [0, 1, 7, 288, 1_000_000])
        expect(faultsOfSettings(presetOptions(preset, suggest(MODEL), rows, GOOD), MODEL, DATA)).toEqual([]);
  });
});
