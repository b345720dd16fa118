/** A run: its settings, its curve, the reading of the curve, and its last checkpoint. */
import * as v from 'valibot';
import type { SettingValue } from '../../../settings/setting.ts';
import { mayBeMissing, PAGE_TABLE } from '../../../settings/table.ts';
import { allowed, isAllowed } from '../../../settings/values.ts';
import type { Reading as CurveReading } from '../../../train/reading.ts';
import { StoredWeightChoices } from '../../models/base-weights.ts';
import { DataOptions, DataRef } from './data.ts';
import { Forgetting } from '../../../evaluate/record-file.ts';
import { wholeNumber, id, number, text } from './values.ts';

const Report = v.optional(v.record(text, v.nullable(number)));
const Tasks = v.optional(v.record(text, number));
const Step = v.object({
  step: wholeNumber,
  steps: wholeNumber,
  loss: number,
  report: Report,
  tasks: Tasks,
  lr: number,
  gradNorm: number,
  supervisedTokens: wholeNumber,
  seconds: number,
  tokensPerSecond: number,
  secondsLeft: number,
  gpuBytes: wholeNumber,
});

/** The settings of a run, by the table. A setting that is newer than the run is missing, and one of a later version is kept unchanged. */
export const Settings = v.looseObject({
  ...Object.fromEntries(
    PAGE_TABLE.map((setting) => {
      const value = v.custom<SettingValue>(
        (given) => isAllowed(setting, given),
        `${setting.name} should be ${allowed(setting)}`,
      );
      const needed = setting.default === undefined && !mayBeMissing(setting);
      return [setting.name, needed ? value : v.optional(value)];
    }),
  ),
  name: text,
});

const At = v.object({ step: wholeNumber, loss: number });
const FromTo = v.object({ from: number, to: number });
const Of = v.picklist(['validation', 'training']);
const Reading = v.object({
  kind: v.picklist([
    'not-finite',
    'too-short',
    'worse',
    'diverging',
    'lost',
    'overfitting',
    'over-optimised',
    'reward-worse',
    'reward-fell',
    'reward-flat',
    'reward-alike',
    'reward-rising',
    'reward-rose',
    'chosen-falls',
    'little',
    'unordered',
    'reward-full',
    'unsteady',
    'flat',
    'noisy',
    'falling',
    'fine',
  ]),
  step: wholeNumber,
  of: Of,
  before: v.optional(number),
  after: v.optional(number),
  best: v.optional(At),
  kept: v.optional(wholeNumber),
  peak: v.optional(At),
  low: v.optional(At),
  unigramLoss: v.optional(number),
  margin: v.optional(FromTo),
  chosen: v.optional(FromTo),
  half: v.optional(FromTo),
  late: v.optional(v.object({ ...FromTo.entries, steady: v.boolean() })),
  unsure: v.optional(v.literal(true)),
  order: v.optional(v.object({ share: number, of: Of })),
  alike: v.optional(number),
  fullMarks: v.optional(number),
  training: v.optional(FromTo),
} satisfies Readonly<Record<keyof CurveReading, unknown>>);

const Rollout = v.object({
  type: v.literal('rollout'),
  step: wholeNumber,
  prompt: v.string(),
  wanted: v.string(),
  rewards: v.array(v.string()),
  shown: v.optional(v.array(v.string())),
  answers: v.array(
    v.object({
      ...{ text: v.string(), tokens: wholeNumber, cut: v.boolean() },
      ...{ reward: number, parts: v.array(number), advantage: number },
      shown: v.optional(v.array(number)),
      problem: v.optional(v.string()),
    }),
  ),
});

export const RunFile = v.object({
  id,
  created: number,
  status: v.picklist(['ready', 'running', 'paused', 'done', 'stopped', 'cancelled', 'failed']),
  settings: Settings,
  baseModel: text,
  modelFingerprint: text,
  precision: v.optional(v.picklist(['f32', 'f16'])),
  baseWeights: v.optional(StoredWeightChoices),
  bundled: v.boolean(),
  dataName: text,
  data: v.optional(DataRef),
  dataOptions: v.optional(DataOptions),
  command: text,
  keptModel: v.optional(text),
  steps: v.array(Step),
  evals: v.array(v.object({ ...At.entries, report: Report, tasks: Tasks })),
  samples: v.array(v.object({ step: wholeNumber, text: v.string() })),
  rollout: v.optional(Rollout),
  asked: v.optional(v.string()),
  afterPrompt: v.optional(v.string()),
  wanted: v.optional(v.string()),
  takenBytes: v.optional(wholeNumber),
  forgetting: v.optional(Forgetting),
  unigramLoss: v.optional(number),
  reading: v.optional(Reading),
  sweep: v.optional(id),
});

export const CheckpointFile = v.object({ revision: id, step: wholeNumber });
