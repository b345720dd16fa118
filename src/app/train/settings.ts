/** Settings of a run: presets, and faults, which are found before anything is compiled. */
import { usualSettings, type Suggestion } from '../../settings/defaults.ts';
import type { Preset } from '../../settings/presets.ts';
import type { RewardSpec } from '../../scorers/scorer-spec.ts';
import { answerProblem } from '../../scorers/rewards/specs.ts';
import { RULES } from '../../settings/rules.ts';
import { learnerOf, REGISTRY, takesKind, type Objective } from '../../settings/registry.ts';
import { mayBeMissing, PAGE_TABLE, settingOf, TABLE } from '../../settings/table.ts';
import type { MethodChoice } from './tuning-methods.ts';
import { correction, isAllowed, limited } from '../../settings/values.ts';
import type { AdapterInfo, DataSummary, ModelInfo, RowKind, FormSpec } from '../../worker/api.ts';

export type SettingKey = keyof FormSpec;

export interface Fault {
  readonly key: SettingKey;
  readonly reason: string;
}

interface PresetWords {
  readonly name: string;
  /** @param steps how many each preset takes */
  readonly what: (steps: Readonly<Record<Preset, number>>) => string;
}

/** How many steps a short run takes: not always a third, since it takes enough to show something. */
function fewer(few: number, many: number): string {
  if (few >= many) return 'As many steps as Balanced';
  return Math.round(many / 3) === few ? 'A third of the steps' : 'Fewer steps';
}

export const PRESET_WORDS: Readonly<Record<Preset, PresetWords>> = {
  quick: {
    name: 'Quick look',
    what: ({ quick, balanced }) => `${fewer(quick, balanced)}: does it learn at all?`,
  },
  balanced: { name: 'Balanced', what: () => 'Enough to learn most tasks.' },
  thorough: {
    name: 'Thorough',
    what: () =>
      'Three times the steps at half the learning rate, twice the rank. Stops early when the validation loss stops improving.',
  },
};

/** The settings that a preset decides. */
const DECIDED: readonly string[] = [
  'steps',
  'batch',
  'accumulate',
  'lr',
  'warmup',
  'evalEvery',
  'patience',
  'rank',
  'alpha',
];
/** Sample answers of a run. */
const ANSWERS = 6;

/** @param trainRows rows to train on, after the split */
export function presetOptions(
  preset: Preset,
  suggestion: Suggestion,
  trainRows: number,
  base: FormSpec,
): FormSpec {
  const { rank, alpha } = base;
  const chosen = Object.fromEntries(Object.entries(base).filter(([name]) => !DECIDED.includes(name)));
  const usual = usualSettings(chosen, { rows: trainRows, suggestion }, preset);
  return {
    ...base,
    ...usual,
    // A run that starts from an adapter has that adapter's.
    ...(base.start && { rank, alpha }),
    // Six answers, however long a run is.
    sampleEvery: Math.max(1, Math.round(usual.steps! / ANSWERS)),
  };
}

/** The last part of a path's end: `c_proj` of `mlp.c_proj`. */
const lastOf = (end: string): string => end.slice(end.lastIndexOf('.') + 1);

/** Whether a person chooses the layers of its adapter: some kinds have fixed ones. */
export function hasTargets({ method }: Pick<FormSpec, 'method'>): boolean {
  return TABLE.applies(settingOf('targets'), { method });
}

/** The initial layers of a method on a model. @param all names of the model's layers */
function usualTargets(method: NonNullable<FormSpec['method']>, all: readonly string[]): readonly string[] {
  const { targetsOn } = learnerOf({ method });
  if (targetsOn)
    return targetsOn((end) => all.includes(lastOf(end))).filter((end) => all.includes(lastOf(end)));
  const usual = TABLE.resolve({ method })['targets'] as readonly string[] | undefined;
  return !usual || usual.includes('all-linear') ? all : all.filter((name) => usual.includes(name));
}

/** The settings with another method, on its initial layers. @param before on all layers of the model */
export function withMethod(
  before: FormSpec,
  method: NonNullable<FormSpec['method']>,
  all = before.targets,
): FormSpec {
  const { start: _, ...rest } = before;
  const { trainsModel } = learnerOf({ method });
  return { ...rest, method, ...(!trainsModel && { targets: usualTargets(method, all) }) };
}

/** The settings of a run that starts from an adapter: kind, size and layers are the adapter's. */
export function withStart(before: FormSpec, adapter: AdapterInfo): FormSpec {
  const { id, name, kind, rank = before.rank, alpha = before.alpha, targets } = adapter;
  const { virtualTokens = before.virtualTokens, addTokens = [] } = adapter;
  const { name: method } = learnerOf({ method: kind });
  return { ...before, method, rank, alpha, virtualTokens, addTokens, targets, start: { id, name } };
}

const objectives: readonly Objective[] = REGISTRY.objectives;
const SUPERVISED = objectives[0];
/** The kind of the open rows that are used. */
export function kindOfRows({ rows, pairs, prompts, unpaired }: DataSummary): RowKind | 'mixed' {
  const all = rows.train + rows.validation + rows.test;
  const judged = unpaired.desirable + unpaired.undesirable;
  if (pairs + judged + prompts === 0) return 'answers';
  return prompts === all ? 'prompts' : pairs === all ? 'pairs' : judged === all ? 'unpaired' : 'mixed';
}

/** The objective that suits the open rows. */
export function suitableObjective(data: DataSummary): string {
  const kind = kindOfRows(data);
  return (objectives.find(({ rows }) => rows === kind) ?? SUPERVISED).name;
}

/** The settings with another objective and its usual values. Values that a person has chosen stay. */
export function withObjective(objective: string, before: FormSpec): FormSpec {
  const usual = TABLE.resolve({ objective: before.objective });
  const now = TABLE.resolve({ objective });
  const changed = TABLE.settings.filter(
    (setting) =>
      TABLE.owners(setting).objective &&
      now[setting.name] !== usual[setting.name] &&
      before[setting.name as SettingKey] === usual[setting.name],
  );
  return { ...before, ...Object.fromEntries(changed.map(({ name }) => [name, now[name]])), objective };
}

/**
 * A run with a method's usual settings, before a preset chooses its length and rate.
 *
 * @param fresh settings as a form starts with them, on all layers of the model
 * @param start the adapter that it starts from
 */
export function withChoice(
  { method, objective }: MethodChoice,
  fresh: FormSpec,
  start?: AdapterInfo,
): FormSpec {
  const made = start ? withStart(fresh, start) : method ? withMethod(fresh, method) : fresh;
  return objective === undefined ? made : withObjective(objective, made);
}

/** What rows of a kind are called, and what columns make them. */
export const ROW_KINDS: Readonly<Record<RowKind, { are: string; columns: string }>> = {
  answers: { are: 'single answers', columns: 'prompt and completion' },
  pairs: { are: 'pairs of answers', columns: 'prompt, chosen and rejected' },
  unpaired: { are: 'single answers with a label', columns: 'prompt, completion and label' },
  prompts: { are: 'prompts without answers', columns: 'prompt' },
  queries: { are: 'queries with texts for an encoder', columns: 'query and positive' },
};
/** What else can be done with rows of a kind. */
const ALONE: Readonly<Record<RowKind, readonly string[]>> = {
  answers: [],
  prompts: [],
  queries: [],
  pairs: ['learn only the chosen answers with the columns prompt and chosen under Data'],
  unpaired: ['learn only the answers with the columns prompt and completion under Data'],
};

/** “a, or b”, “a, b, or c”. @param ways two or more */
const oneOf = (ways: readonly string[]): string => `${ways.slice(0, -1).join(', ')}, or ${ways.at(-1)}`;

/** The objective of a run; supervised for runs of versions that had no choice. */
export function formObjective({ objective }: { readonly objective?: string }): Objective {
  return objectives.find(({ name }) => name === objective) ?? SUPERVISED;
}

/** Everything that is wrong with the settings, in the order of the table. */
export function faultsOfSettings(
  options: FormSpec,
  model: ModelInfo | undefined,
  data: DataSummary | undefined,
): Fault[] {
  const faults: Fault[] = [];
  const initial = TABLE.resolve(options);
  const need = (holds: boolean, key: SettingKey, reason: string): void => {
    if (!holds) faults.push({ key, reason });
  };
  if (data)
    need(
      data.rows.train > 0,
      'steps',
      'No rows are left to train on. Give the training part some under Data.',
    );
  const objective = formObjective(options);
  need(
    !objective.encodes,
    'objective',
    `The objective “${objective.label}” tunes an encoder, and the open model writes texts: choose another, or use the command graft train.`,
  );
  if (data && !objective.encodes) {
    const { rows, label } = objective;
    const kind = kindOfRows(data);
    const { are, columns } = ROW_KINDS[rows];
    need(
      kind !== 'mixed' && takesKind(objective, kind),
      'objective',
      kind === 'mixed'
        ? `The objective “${label}” learns from ${are}, but the open rows have several kinds: open rows with only the columns ${columns}.`
        : `The rows are ${ROW_KINDS[kind].are}, and the objective “${label}” learns from ${are}: ${oneOf([
            `choose “${formObjective({ objective: suitableObjective(data) }).label}”`,
            `open rows with the columns ${columns}`,
            ...ALONE[kind],
          ])}.`,
    );
  }
  const { rewards } = initial as { rewards?: readonly RewardSpec[] };
  if (data && data.prompts > 0 && formObjective(options).samples && rewards) {
    const problem = answerProblem(rewards);
    need(
      problem === undefined,
      'rewards',
      `${problem} Take rewards that need none, such as length or code of your own, or open rows with the columns prompt and completion.`,
    );
  }
  for (const declared of PAGE_TABLE) {
    const setting = limited(declared, options);
    // Without a method an adapter is trained.
    if (
      TABLE.applies(setting, options) &&
      !(setting.name === 'method' && options.method === undefined) &&
      !(mayBeMissing(setting) && options[setting.name as SettingKey] === undefined)
    )
      need(
        // A setting that is newer than the kept settings is missing from them: its initial value holds.
        isAllowed(setting, options[setting.name as SettingKey] ?? initial[setting.name]),
        setting.name as SettingKey,
        correction(setting, options[setting.name as SettingKey]),
      );
  }
  const wrong = new Set<string>(faults.map(({ key }) => key));
  for (const { name, of, holds, reason } of RULES)
    if (!of.some((one) => wrong.has(one))) need(holds(options), name as SettingKey, reason(options));
  if (model && hasTargets(options)) {
    const strangers = options.targets.filter((target) => !model.targets.includes(lastOf(target)));
    need(strangers.length === 0, 'targets', `${model.name} has no layers named ${strangers.join(', ')}.`);
  }
  if (model) {
    const { name, layers } = model;
    const has = `${name} has ${layers} layers`;
    const { lastLayers = 0, layersToTransform = [] } = options;
    if (TABLE.applies(settingOf('lastLayers'), options))
      need(lastLayers <= layers, 'lastLayers', `${has}: choose 1 to ${layers}, or 0 for all.`);
    else if (!wrong.has('layersToTransform') && TABLE.applies(settingOf('layersToTransform'), options))
      need(
        layersToTransform.every((layer) => layer < layers),
        'layersToTransform',
        `${has}: choose from 0 to ${layers - 1}.`,
      );
  }
  if (data && options.evalEvery > 0)
    need(
      data.rows.validation > 0,
      'evalEvery',
      'No rows are kept for validation. Give the split some under Data, or put 0 here.',
    );
  return faults;
}
