/**
 * The specification of a run: one flat object, in which every value has the name that the table of settings gives it. The form, the flags of the command
 * and a recipe each make one, the trainer takes it, and a saved run has it.
 */
import { learnerOf } from '../adapters/learners.ts';
import { GraftError } from '../errors.ts';
import { usualSettings, type AboutRun } from './defaults.ts';
import { idleReason } from './idle.ts';
import { RULES } from './rules.ts';
import type { Given, SettingValue } from './setting.ts';
import { settingOf, TABLE, type PageValues, type RunValues, type Values } from './table.ts';
import { allowed, isAllowed, limited, quoted } from './values.ts';

/** What a run has besides its settings: it follows from the place that the run starts in. */
type Placed = Partial<{
  /** The id of the first of its new tokens, by the tokenizer of the base. */
  readonly firstToken: number;
  /** The adapter of the library that it starts from: rank, alpha, patterns and targets come from it. */
  readonly start: { readonly id: string; readonly name: string };
  /** The one task of the open rows that it is trained on; all of them if left out. */
  readonly task: string;
  /** Its adapter is on trial until a person puts it in use. */
  readonly trial: boolean;
}>;

/** Without `steps`, `epochs` decides. */
export type RunSpec = RunValues &
  Partial<Values<'rows'> & Values<'base'> & Values<'watch'> & Values<'page'>> &
  Placed;

/** The specification in the form, which counts its steps, and in the runs that the page stores: those of earlier versions lack newer settings. */
export type FormSpec = PageValues & Placed;

/** The most rows of a run, counted with repetitions: its micro-batches are sized before the first step. */
const MAX_VISITS = 50_000_000;

const isChooser = (name: string): boolean => name === 'optimiser' || name === 'objective';

/**
 * The specification with these values; missing ones get their default. Settings that the run does not have, or that do nothing in it, count as missing.
 * Newer settings without effect on the numbers, and those of optimisers and objectives other than the first, are left out unless chosen, so that the specification of a run of an
 * earlier version stays the same.
 */
export function specOf(given: Given): RunSpec {
  const isIdle = (name: string): boolean => idleReason(name, given) !== undefined;
  const active = Object.entries(given).filter(([name]) => TABLE.find(name) === undefined || !isIdle(name));
  const idle = TABLE.settings.flatMap(({ name, before }) =>
    before !== undefined && isIdle(name) ? [[name, before] as const] : [],
  );
  return specWithIdle(Object.fromEntries([...active, ...idle]));
}

/**
 * The same, with the settings that do nothing in a run. Gradients of given samples may read them: only there do probabilities differ from those that
 * the samples were drawn with before the first update.
 */
export function specWithIdle(given: Given): RunSpec {
  const chosen = Object.entries(given).filter(([name]) => {
    const setting = TABLE.find(name);
    return setting !== undefined && TABLE.applies(setting, given);
  });
  const values = TABLE.resolve(Object.fromEntries(chosen));
  const spec: Record<string, SettingValue> = {};
  for (const setting of TABLE.settings) {
    const { name, part, default: initial, later, before } = setting;
    const isInitial = JSON.stringify(values[name]) === JSON.stringify(initial);
    if (
      values[name] === undefined ||
      (isInitial && ((later === true && before === undefined) || isChooser(name)))
    )
      continue;
    // How rows are read, how the base is held and what only the page has stays open if nothing is chosen.
    if (part !== 'run' && given[name] === undefined) continue;
    if (TABLE.applies(setting, values) || TABLE.applies(setting, {})) spec[name] = values[name];
  }
  const { firstToken, start, task, trial } = given as Placed;
  return {
    ...(spec as unknown as RunSpec),
    ...(firstToken !== undefined && spec['addTokens'] !== undefined && { firstToken }),
    ...(start && { start }),
    ...(task !== undefined && { task }),
    ...(trial !== undefined && { trial }),
  };
}

/**
 * The specification of a run on a model and rows: the chosen values, and for the others what suits these.
 *
 * @param given the chosen values
 */
export function specFor(given: Given, about: AboutRun): RunSpec {
  return specOf({ ...usualSettings(given, about), ...given });
}

/** The specification with all defaults. */
export function defaultSpec(method: RunSpec['method'] = 'lora'): RunSpec {
  return specOf({ method });
}

/** Whether a run has an adapter with a rank. */
export function hasRank(spec: { readonly method?: string }): boolean {
  return TABLE.applies(settingOf('rank'), { method: learnerOf(spec).name });
}

/**
 * Makes all checks of the trainer's settings that need nothing loaded.
 *
 * @throws GraftError `train-option` naming the setting, its value, and the allowed ones
 */
export function checkSpec(spec: RunSpec): void {
  const values: Given = spec;
  const wrong = (name: string, choose: string): GraftError =>
    new GraftError('train-option', `The setting ${name} is ${quoted(values[name])}.`, `Choose ${choose}.`);
  for (const setting of TABLE.settings) {
    if (setting.part !== 'run' || !TABLE.applies(setting, values)) continue;
    const value = values[setting.name];
    // The setting has no value: another setting decides.
    if (value === undefined && (setting.default === undefined || setting.later || isChooser(setting.name)))
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
export function countSteps(
  { steps, epochs, batch, accumulate }: Pick<RunSpec, 'steps' | 'epochs' | 'batch' | 'accumulate'>,
  rows: number,
): number {
  const count = steps ?? Math.max(1, Math.ceil((epochs * rows) / (batch * accumulate)));
  if (count * batch * accumulate > MAX_VISITS) {
    throw new GraftError(
      'train-option',
      `${count} steps of ${batch} × ${accumulate} rows take ${count * batch * accumulate} rows in all.`,
      `Choose fewer steps, fewer epochs or a smaller batch size: at most ${MAX_VISITS} rows in all.`,
    );
  }
  return count;
}
