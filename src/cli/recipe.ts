/** `graft recipe`: every setting that a run would have, without running it. */
import { idleSettings } from '../settings/idle.ts';
import { writeRecipe, type Recipe } from '../settings/recipe.ts';
import type { SettingValue } from '../settings/setting.ts';
import { TABLE } from '../settings/table.ts';
import { quoted } from '../settings/values.ts';
import type { TrainOptions } from '../train/options.ts';
import { readAskedRun } from './asked-run.ts';
import type { Flags, FlagSpecs } from './flags.ts';
import type { Output } from './output.ts';
import { flagsWithRecipe } from './recipe-flags.ts';
import { readSettings } from './setting-flags.ts';
import { trainFlags, type TrainFlags } from './train-flags.ts';

const { out: _, resume: __, overwrite: ___, 'save-every': ____, ...ofTrain } = trainFlags;

export const recipeFlags = {
  ...ofTrain,
  json: { help: 'print a recipe, for --recipe and for the page, instead of a table' },
} as const satisfies FlagSpecs;

export async function recipeCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = await flagsWithRecipe(recipeFlags, args, (line) => output.line(line));
  flags.required('data');
  // The command of a run has other flags as well, which change nothing of what is read here.
  const run = await readAskedRun(flags as unknown as TrainFlags, output);
  const chosen = chosenSettings(flags);
  const recipe = recipeOfRun(run.options, chosen, run.start !== undefined);
  if (flags.on('json')) return output.result(writeRecipe(recipe));
  const names = Object.keys(recipe);
  const width = Math.max(...names.map((name) => name.length));
  output.result(
    names
      .map((name) => {
        const by = Object.hasOwn(chosen, name) ? '' : '  by default';
        return `  ${name.padEnd(width)}  ${quoted(recipe[name])}${by}\n`;
      })
      .join(''),
  );
}

/** The settings that a call gives. */
export function chosenSettings(flags: Flags<FlagSpecs>): Record<string, SettingValue> {
  const forgetting = flags.text('forgetting') !== undefined || flags.on('forgetting');
  // Of forgetting a recipe says only whether it is measured, and the flag may name a text.
  const own = TABLE.settings.filter(({ name }) => name !== 'forgetting');
  return { ...readSettings(flags, own), ...(forgetting && { forgetting }) };
}

/**
 * The settings of a run as a recipe, which makes the same run.
 *
 * @param chosen those of the call, which has settings of rows and base that the trainer does not know
 * @param starts whether the run starts from an adapter, which has settings of its own
 */
export function recipeOfRun(
  { lora, ...options }: TrainOptions,
  chosen: Readonly<Record<string, SettingValue>>,
  starts: boolean,
): Recipe {
  const values: Readonly<Record<string, unknown>> = { ...options, ...lora };
  const entries = TABLE.settings.flatMap((setting): [string, SettingValue][] => {
    const { name, part, fixed } = setting;
    const value = (part === 'run' ? values[name] : chosen[name]) as SettingValue | undefined;
    const left =
      value === undefined ||
      !TABLE.applies(setting, values) ||
      (starts && fixed === true) ||
      // The passes are counted in the steps, unless they were chosen.
      (name === 'epochs' && options.steps !== undefined);
    return left ? [] : [[name, value]];
  });
  const recipe = Object.fromEntries(entries);
  const idle = idleSettings(recipe).map(({ name }) => name);
  return Object.fromEntries(entries.filter(([name]) => !idle.includes(name)));
}
