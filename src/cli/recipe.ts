/** `graft recipe`: every setting that a run would have, without running it. */
import { recipeOf, writeRecipe } from '../settings/recipe.ts';
import { quoted } from '../settings/values.ts';
import { readAskedRun } from './asked-run.ts';
import type { FlagSpecs } from './flags.ts';
import type { Output } from './output.ts';
import { flagsWithRecipe } from './recipe-flags.ts';
import { readGiven, startKind, trainFlags, type TrainFlags } from './train-flags.ts';

const {
  out: _,
  resume: __,
  overwrite: ___,
  'save-every': ____,
  'pause-after': _____,
  ...ofTrain
} = trainFlags;

export const recipeCommandFlags = {
  ...ofTrain,
  json: { help: 'print a recipe, for --recipe and for the page, instead of a table' },
} as const satisfies FlagSpecs;

export async function recipeCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = await flagsWithRecipe(recipeCommandFlags, args, (line) => output.line(line));
  flags.required('data');
  // The command of a run has other flags as well, which change nothing of what is read here.
  const asked = flags as unknown as TrainFlags;
  const given = readGiven(asked, await startKind(asked));
  const { spec } = await readAskedRun(asked, given, output);
  const recipe = recipeOf(spec);
  if (flags.on('json')) return output.result(writeRecipe(recipe));
  const names = Object.keys(recipe);
  const width = Math.max(...names.map((name) => name.length));
  output.result(
    names
      .map((name) => {
        const by = Object.hasOwn(given, name) ? '' : '  by default';
        return `  ${name.padEnd(width)}  ${quoted(recipe[name])}${by}\n`;
      })
      .join(''),
  );
}
