/** Settings of a run as the trainer takes them, and why some cannot work. The table of settings explains each. */
import type { AdapterConfig } from '../adapters/kind.ts';
import { areUsual, IA3, ia3Targets } from '../adapters/ia3/settings.ts';
import { kindOf } from '../adapters/registry.ts';
import { endsWith } from '../adapters/targets.ts';
import type { ModelDefinition } from '../model/family.ts';
import { GraftError } from '../errors.ts';
import type { LoraConfig } from '../adapters/lora/config.ts';
import { usualSettings, type AboutRun } from '../settings/defaults.ts';
import { RULES } from '../settings/rules.ts';
import type { Given, SettingValue } from '../settings/setting.ts';
import { settingOf, TABLE, type RunValues } from '../settings/table.ts';
import { allowed, isAllowed, limited, quoted } from '../settings/values.ts';

export { defaultWarmup } from '../settings/run.ts';

/** Every setting of a run except those of the adapter. Without `steps`, `epochs` decides. */
export type TrainOptions = Omit<RunValues, keyof LoraConfig> & {
  readonly lora: LoraConfig;
};

const LORA: readonly string[] = [
  'rank',
  'alpha',
  'dropout',
  'rsLora',
  'targets',
  'rankPattern',
  'alphaPattern',
  'layersToTransform',
  'modulesToSave',
  'addTokens',
  'firstToken',
] satisfies readonly (keyof LoraConfig)[];

/** The most rows of a run, counted with repetitions: its micro-batches are sized before the first step. */
const MOST_VISITS = 50_000_000;

/**
 * Settings by name as the trainer takes them; missing ones get their default. Settings of optimisers and objectives other than the first are left out
 * unless chosen, so that the settings of a run of an earlier version stay the same.
 */
export function trainOptionsOf(given: Given): TrainOptions {
  const values = TABLE.resolve(given);
  const options: Record<string, SettingValue | Record<string, SettingValue> | undefined> = {};
  const lora: Record<string, SettingValue> = {};
  for (const { name, part, ...setting } of TABLE.settings) {
    if (part !== 'run') continue;
    const isLeftOut =
      setting.later === true && JSON.stringify(values[name]) === JSON.stringify(setting.initial);
    if (LORA.includes(name)) {
      options['lora'] = lora;
      if (!isLeftOut) lora[name] = values[name];
    } else if (isLeftOut) {
      continue;
    } else if (name === 'method' || !isChooser(name) || values[name] !== setting.initial) {
      const declared = TABLE.find(name)!;
      if (TABLE.applies(declared, values) || TABLE.applies(declared, {})) options[name] = values[name];
    }
  }
  return options as unknown as TrainOptions;
}

const isChooser = (name: string): boolean => name === 'optimiser' || name === 'objective';

/** The settings of a run by name. */
function settingsOf({ lora, ...options }: Pick<TrainOptions, 'lora'>): Given {
  return { ...options, ...lora };
}

/** Whether a run with these settings has an adapter with a rank. */
export function hasRank({ method }: { readonly method: string }): boolean {
  return TABLE.applies(settingOf('rank'), { method });
}

/** The adapter that a run with these settings trains. */
export function adapterConfigOf(options: Pick<TrainOptions, 'method' | 'lora'>): AdapterConfig {
  return kindOf({ kind: options.method }).config(settingsOf(options));
}

/** The settings, with IA3's default layers of this model if none were chosen. */
export function withUsualTargets(
  options: TrainOptions,
  { linears }: Pick<ModelDefinition, 'linears'>,
): TrainOptions {
  const { lora, method } = options;
  if (method !== IA3.name || !areUsual(lora.targets)) return options;
  const targets = ia3Targets((end) => linears.some(({ path }) => endsWith(path, end)));
  return { ...options, lora: { ...lora, targets } };
}

/** The settings with those of an existing adapter. */
export function withAdapter(options: TrainOptions, config: AdapterConfig): TrainOptions {
  const kind = kindOf(config);
  const settings = Object.entries(kind.settings(config));
  const [lora, others] = [true, false].map((own) =>
    Object.fromEntries(settings.filter(([name]) => LORA.includes(name) === own)),
  );
  return {
    ...options,
    ...others,
    method: kind.name as TrainOptions['method'],
    lora: { ...options.lora, ...lora },
  };
}

/**
 * Settings of a run on a model and rows: the chosen ones, and for the others what suits these.
 *
 * @param given the chosen settings
 */
export function optionsFor(given: Given, about: AboutRun): TrainOptions {
  return trainOptionsOf({ ...usualSettings(given, about), ...given });
}

/** Settings with all defaults. */
export function defaultOptions(method: TrainOptions['method'] = 'lora'): TrainOptions {
  return trainOptionsOf({ method });
}

/**
 * Makes all checks that need nothing loaded.
 *
 * @throws GraftError `train-option` naming the setting, its value, and the allowed ones
 */
export function checkOptions(options: TrainOptions): void {
  const values = settingsOf(options);
  const wrong = (name: string, choose: string): GraftError =>
    new GraftError('train-option', `The setting ${name} is ${quoted(values[name])}.`, `Choose ${choose}.`);
  for (const setting of TABLE.settings) {
    if (setting.part !== 'run' || !TABLE.applies(setting, values)) continue;
    const value = values[setting.name];
    // The setting has no value: another setting decides.
    if (value === undefined && (setting.initial === undefined || setting.later || isChooser(setting.name)))
      continue;
    const within = limited(setting, values);
    if (!isAllowed(within, value)) throw wrong(setting.name, allowed(within));
  }
  const broken = RULES.find(({ holds }) => !holds(values));
  if (broken) throw wrong(broken.name, broken.allowed(values));
}

/**
 * Steps of the run: the given number, or as many as the epochs need.
 *
 * @throws GraftError `train-option` for a run of too many steps
 */
export function countSteps({ steps, epochs, batch, accumulate }: TrainOptions, rows: number): number {
  const count = steps ?? Math.max(1, Math.ceil((epochs * rows) / (batch * accumulate)));
  if (count * batch * accumulate > MOST_VISITS) {
    throw new GraftError(
      'train-option',
      `${count} steps of ${batch} × ${accumulate} rows take ${count * batch * accumulate} rows in all.`,
      `Choose fewer steps, epochs or rows a step: at most ${MOST_VISITS} rows in all.`,
    );
  }
  return count;
}
