/**
 * Everything that Graft keeps, or one project of it, as one zip. Text is JSON; what is binary lies beside it as it is, so that an adapter in it is a PEFT folder
 * and a model a model folder.
 *
 *   graft.json                                 what this is
 *   settings.json                              not with one project alone
 *   projects/ID/project.json
 *   projects/ID/base.json                      which base model it needs; missing from older files
 *   projects/ID/data/VERSION/data.json         and its files, numbered
 *   projects/ID/runs/ID/run.json               and rows.json, checkpoint.json, checkpoint/FILE
 *   projects/ID/adapters/ID/adapter.json       and the files of a PEFT folder
 *   projects/ID/results/KIND.json              since 2
 *   projects/ID/feedback/ID.json               since 3
 *   models/NUMBER/model.json                   and files/FILE
 */
import * as v from 'valibot';
import { MAX_TEMPLATE_CHARS } from '../../data/mapping.ts';
import { MIXES } from '../../data/mixture.ts';
import { RULES } from '../../evaluate/methods/registry.ts';
import type { SettingValue } from '../../settings/setting.ts';
import { METHODS } from '../../settings/registry.ts';
import { mayBeMissing, PAGE_TABLE } from '../../settings/table.ts';
import { allowed, isAllowed } from '../../settings/values.ts';
import { BaseWeights } from '../base-weights.ts';

export const FORMAT = 'graft-archive';
/** The version of this layout. A reader takes its own and older ones. */
export const VERSION = 3;

const MAX_TEXT = 10_000;
const text = v.pipe(v.string(), v.maxLength(MAX_TEXT));
const id = v.pipe(v.string(), v.regex(/^[\w-]{1,64}$/));
const number = v.pipe(v.number(), v.finite());
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const anything = v.looseObject({});

export const ManifestFile = v.object({ format: v.literal(FORMAT), version: count, created: number });

const DataRef = v.object({
  name: text,
  version: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  created: number,
});

export const ProjectFile = v.object({
  id,
  name: text,
  created: number,
  changed: number,
  model: v.object({ name: text, bundled: v.boolean() }),
  data: v.optional(DataRef.entries.version),
  place: text,
  page: anything,
});

/** The base model of a project, which lies in the zip only where models come along. */
export const BaseFile = v.object({
  name: text,
  bundled: v.boolean(),
  /** Names its configuration, tokenizer and weights: `contentOf` of model/content.ts. */
  content: v.optional(text),
  source: v.optional(text),
  licence: v.optional(text),
});
export type BaseFile = v.InferOutput<typeof BaseFile>;

/** Files of one data set. */
const MOST_FILES = 100;
const template = v.pipe(v.string(), v.maxLength(MAX_TEMPLATE_CHARS));
const Mapping = v.union([
  v.strictObject({ text: template }),
  v.strictObject({
    prompt: template,
    input: v.optional(template),
    answer: template,
    system: v.optional(template),
  }),
]);
const share = v.pipe(number, v.minValue(0), v.maxValue(1));
const DataOptions = v.looseObject({
  mapping: v.optional(Mapping),
  header: v.optional(v.boolean()),
  delimiter: v.optional(text),
  maxLength: count,
  overlong: v.picklist(['truncate-end', 'truncate-prompt', 'drop']),
  validation: share,
  test: share,
  seed: count,
  skip: v.optional(v.pipe(v.array(v.array(count)), v.maxLength(MOST_FILES))),
  dropCopies: v.optional(v.boolean()),
  text: v.optional(
    v.object({
      documents: v.optional(text),
      packed: v.optional(v.boolean()),
      overlap: v.optional(v.pipe(count, v.minValue(1))),
    }),
  ),
  mixture: v.optional(
    v.object({
      tasks: v.pipe(
        v.array(
          v.object({
            name: text,
            file: count,
            share: v.optional(v.pipe(v.number(), v.gtValue(0))),
            whole: v.optional(v.boolean()),
          }),
        ),
        v.minLength(2),
        v.maxLength(MOST_FILES),
      ),
      mix: v.picklist([...MIXES, 'given']),
      temperature: v.optional(v.pipe(v.number(), v.minValue(1))),
      cap: v.optional(v.pipe(count, v.minValue(1))),
    }),
  ),
});

export const DataFile = v.object({
  ...DataRef.entries,
  sample: v.optional(text),
  options: DataOptions,
  files: v.pipe(v.array(text), v.minLength(1), v.maxLength(MOST_FILES)),
  more: v.optional(count),
  format: text,
  rows: count,
  bytes: count,
});

const Report = v.optional(v.record(text, v.nullable(number)));
const Tasks = v.optional(v.record(text, number));
const Step = v.object({
  step: count,
  steps: count,
  loss: number,
  report: Report,
  tasks: Tasks,
  lr: number,
  gradNorm: number,
  supervisedTokens: count,
  seconds: number,
  tokensPerSecond: number,
  secondsLeft: number,
  gpuBytes: count,
});

/** The settings of a run, by the table. One that there was not when the run was kept is missing, and one of a later version is kept as it is. */
const Settings = v.looseObject({
  ...Object.fromEntries(
    PAGE_TABLE.map((setting) => {
      const value = v.custom<SettingValue>(
        (given) => isAllowed(setting, given),
        `${setting.name} should be ${allowed(setting)}`,
      );
      const needed = setting.initial === undefined && !mayBeMissing(setting);
      return [setting.name, needed ? value : v.optional(value)];
    }),
  ),
  name: text,
});

const At = v.object({ step: count, loss: number });
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
    'unsteady',
    'flat',
    'falling',
    'fine',
  ]),
  step: count,
  of: v.picklist(['validation', 'training']),
  before: v.optional(number),
  after: v.optional(number),
  best: v.optional(At),
  peak: v.optional(At),
  low: v.optional(At),
  unigramLoss: v.optional(number),
  margin: v.optional(v.object({ from: number, to: number })),
  chosen: v.optional(v.object({ from: number, to: number })),
  training: v.optional(v.object({ from: number, to: number })),
});

const Rollout = v.object({
  type: v.literal('rollout'),
  step: count,
  prompt: v.string(),
  wanted: v.string(),
  rewards: v.array(v.string()),
  answers: v.array(
    v.object({
      ...{ text: v.string(), tokens: count, cut: v.boolean() },
      ...{ reward: number, parts: v.array(number), advantage: number },
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
  baseWeights: v.optional(BaseWeights),
  bundled: v.boolean(),
  dataName: text,
  data: v.optional(DataRef),
  dataOptions: v.optional(DataOptions),
  command: text,
  keptModel: v.optional(text),
  steps: v.array(Step),
  evals: v.array(v.object({ ...At.entries, report: Report, tasks: Tasks })),
  samples: v.array(v.object({ step: count, text: v.string() })),
  rollout: v.optional(Rollout),
  asked: v.optional(v.string()),
  afterPrompt: v.optional(v.string()),
  wanted: v.optional(v.string()),
  takenBytes: v.optional(count),
  forgetting: v.optional(
    v.object({
      before: number,
      after: v.optional(number),
      during: v.optional(v.array(v.object({ step: count, loss: number }))),
      kl: v.optional(v.object({ before: number, after: v.optional(number) })),
      prompts: v.optional(
        v.array(
          v.object({
            prompt: v.string(),
            before: v.string(),
            rightBefore: v.boolean(),
            after: v.optional(v.string()),
            rightAfter: v.optional(v.boolean()),
          }),
        ),
      ),
    }),
  ),
  unigramLoss: v.optional(number),
  reading: v.optional(Reading),
});

const Row = v.pipe(
  v.object({
    ids: v.array(count),
    labels: v.array(v.pipe(v.number(), v.integer())),
    line: count,
    starts: v.optional(v.array(count)),
    asked: v.optional(
      v.object({
        prompt: v.string(),
        answer: v.optional(v.string()),
        columns: v.optional(v.record(v.string(), v.unknown())),
      }),
    ),
    desirable: v.optional(v.boolean()),
    asks: v.optional(v.literal(true)),
    task: v.optional(v.object({ name: text, share: number })),
  }),
  v.check(({ ids, labels }) => ids.length === labels.length, 'as many labels as ids'),
  v.check(
    ({ ids, starts = [] }) =>
      starts.every((start, at) => start > (starts[at - 1] ?? 0) && start < ids.length),
    'sequences that begin one after the other within the row',
  ),
);
const Message = v.object({ role: v.picklist(['system', 'user', 'assistant']), content: v.string() });
export const RowsFile = v.object({
  train: v.array(Row),
  validation: v.array(Row),
  test: v.array(Row),
  questions: v.array(
    v.object({
      prompt: v.string(),
      expected: v.string(),
      ask: v.union([v.string(), v.array(Message)]),
      task: v.optional(text),
    }),
  ),
});

export const CheckpointFile = v.object({ revision: id, step: count });

export const AdapterFile = v.object({
  id,
  name: text,
  note: text,
  baseModel: text,
  kind: v.optional(v.picklist(METHODS.map(({ name }) => name))),
  rank: v.optional(count),
  alpha: v.optional(number),
  virtualTokens: v.optional(count),
  targets: v.array(text),
  parameters: count,
  created: number,
  runId: v.optional(id),
  finalLoss: v.optional(number),
  evalLoss: v.optional(number),
  parent: v.optional(v.object({ id, name: text })),
  trial: v.optional(v.boolean()),
  data: v.optional(DataRef),
  dataOptions: v.optional(DataOptions),
  baseWeights: v.optional(BaseWeights),
});

const Share = v.object({ count, total: count, interval: v.tuple([number, number]) });
const ofRows = { loss: number, perplexity: number, supervisedTokens: count, rows: v.optional(count) };
const Loss = v.object({ ...ofRows, tasks: v.optional(v.record(text, v.object(ofRows))) });
const Draw = v.object({
  seed: number,
  of: count,
  test: v.optional(count),
  planned: v.optional(count),
  tooLong: count,
  labels: v.optional(v.object({ drawn: count, of: count, least: count, most: count })),
});
const Origin = v.object({
  time: number,
  model: v.object({ name: text, bundled: v.boolean(), fingerprint: text }),
  data: v.optional(
    v.object({
      name: text,
      version: v.optional(DataRef.entries.version),
      options: v.optional(anything),
    }),
  ),
  adapter: v.optional(
    v.union([v.object({ name: text, id }), v.object({ name: text, runId: id, step: count })]),
  ),
});
const Measured = v.object({
  evaluations: v.pipe(
    v.array(
      v.object({
        origin: Origin,
        draw: v.optional(Draw),
        seen: v.optional(
          v.union([
            v.object({ asked: count, test: count, of: count }),
            v.picklist(['imported', 'before', 'rows']),
          ]),
        ),
        rows: v.array(
          v.object({
            prompt: v.string(),
            expected: v.string(),
            base: v.string(),
            tuned: v.string(),
            task: v.optional(text),
          }),
        ),
        base: v.optional(Loss),
        tuned: v.optional(Loss),
        general: v.optional(v.object({ base: Loss, tuned: Loss })),
        exact: v.object({ base: Share, tuned: Share }),
        rules: v.array(
          v.object({
            rule: v.picklist(RULES.map(({ name }) => name)),
            exact: Share,
            answer: v.optional(v.string()),
            share: v.optional(number),
            answers: v.optional(v.array(v.string())),
          }),
        ),
      }),
    ),
    v.minLength(1),
  ),
  seconds: number,
});
const Token = v.object({
  text: v.string(),
  part: v.optional(v.object({ text: v.string(), number: count, count })),
  candidates: v.array(
    v.object({ text: v.string(), probability: number, taken: v.optional(v.literal(true)) }),
  ),
});
const Answer = v.object({
  adapter: text,
  text: v.string(),
  state: v.picklist(['done', 'stopped', 'failed']),
  tokens: v.array(Token),
  tokenCount: count,
  seconds: number,
  origin: v.optional(Origin),
  prompt: v.optional(v.object({ text: v.string(), tokens: count, plain: v.optional(v.string()) })),
});
const StageScore = v.object({ right: v.optional(count), loss: v.optional(Loss) });
const result = { changed: number };
export const ResultFile = v.variant('kind', [
  v.object({ ...result, kind: v.literal('baseline'), value: Measured }),
  v.object({ ...result, kind: v.literal('evaluation'), value: Measured }),
  v.object({
    ...result,
    kind: v.literal('fewShot'),
    value: v.object({
      origin: Origin,
      draw: v.optional(Draw),
      shots: v.array(v.object({ prompt: v.string(), answer: v.string() })),
      rows: v.array(v.object({ prompt: v.string(), expected: v.string(), answer: v.string() })),
      exact: Share,
      loss: v.optional(Loss),
      promptTokens: count,
      seconds: number,
    }),
  }),
  v.object({
    ...result,
    kind: v.literal('chat'),
    value: v.object({
      turns: v.array(
        v.object({
          prompt: v.string(),
          answers: v.tuple([Answer, Answer]),
          blind: v.optional(
            v.object({
              swapped: v.boolean(),
              vote: v.optional(v.picklist(['first', 'second', 'none'])),
            }),
          ),
        }),
      ),
    }),
  }),
  v.object({
    ...result,
    kind: v.literal('preferences'),
    value: v.object({
      pairs: v.array(
        v.object({
          prompt: v.pipe(v.array(Message), v.minLength(1)),
          chosen: v.string(),
          rejected: v.string(),
          by: v.picklist(['vote', 'edit']),
          names: v.tuple([v.string(), v.string()]),
          time: number,
        }),
      ),
      ties: count,
    }),
  }),
  v.object({
    ...result,
    kind: v.literal('further'),
    value: v.object({
      time: number,
      from: v.object({ id, name: text }),
      rows: DataRef.entries.version,
      entries: v.array(id),
      adapter: v.optional(v.object({ id, name: text })),
      measured: v.optional(Measured),
      kept: v.optional(v.picklist(['new', 'old'])),
    }),
  }),
  v.object({
    ...result,
    kind: v.literal('lineage'),
    value: v.object({
      id: text,
      time: number,
      report: v.object({
        stages: v.array(text),
        rows: v.array(
          v.object({
            name: text,
            stage: count,
            rows: count,
            base: StageScore,
            scores: v.array(StageScore),
          }),
        ),
      }),
    }),
  }),
]);

export const FeedbackFile = v.object({
  id,
  time: number,
  entry: v.object({
    id,
    time: number,
    prompt: v.pipe(v.array(Message), v.minLength(1)),
    plain: v.optional(v.string()),
    answer: v.string(),
    origin: v.optional(Origin),
    verdict: v.picklist(['good', 'bad']),
    correction: v.optional(v.string()),
    state: v.picklist(['waiting', 'accepted', 'rejected']),
    taught: v.optional(v.object({ runId: id, name: text, time: number })),
  }),
});

export const ModelFile = v.object({
  name: text,
  source: v.optional(text),
  licence: v.optional(text),
  files: v.array(text),
});

/** A path without the name at its end. */
export function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1);
}
