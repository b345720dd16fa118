/** `--recipe FILE`: settings from a file, under the flags of the call. */
import { GraftError } from '../errors.ts';
import { decodeUtf8 } from '../json.ts';
import { LARGEST_RECIPE, readRecipe, recipeFlags, type Recipe } from '../settings/recipe.ts';
import { TABLE } from '../settings/table.ts';
import { readWhole } from './files.ts';
import { Flags, type FlagSpec, type FlagSpecs } from './flags.ts';
import { readRewardFiles } from './reward-flags.ts';
import { settingsOfFlags } from './setting-flags.ts';

export const recipeFlag = {
  value: 'FILE',
  help: 'settings from a JSON file, as the page writes one; flags go before it, and --no-packing and the like switch off what it switches on',
} as const satisfies FlagSpec;

/**
 * The flags of a call, with the recipe's values for those that are not given.
 *
 * @param report called with the settings of the recipe that are left out, in a sentence
 * @throws GraftError `arguments`, `file-missing`, `recipe`
 */
export async function flagsWithRecipe<Specs extends FlagSpecs>(
  specs: Specs,
  args: readonly string[],
  report: (line: string) => void,
): Promise<Flags<Specs>> {
  const flags = new Flags(specs, args);
  await readRewardFiles(flags);
  const path = flags.text('recipe');
  if (path === undefined) return flags;
  const bytes = await readWhole(path);
  if (bytes.length > LARGEST_RECIPE)
    throw new GraftError(
      'recipe',
      `${path} has ${bytes.length} bytes; a recipe has at most ${LARGEST_RECIPE}.`,
      'Check that it is the right file.',
    );
  const recipe = readRecipe(decodeUtf8(bytes, path), path);
  const { kept, replaced } = divided(recipe, flags, specs);
  const given = recipeFlags(kept);
  const lacking = given.find(([flag]) => !Object.hasOwn(specs, flag));
  if (lacking) {
    const [flag] = lacking;
    throw new GraftError(
      'recipe',
      `${path}: this command has no setting ${TABLE.settings.find((one) => one.flag === flag)?.name ?? flag}.`,
      'Leave it out.',
    );
  }
  if (replaced.length > 0)
    report(`Left out of ${path}, since the flags of this call go before them: ${replaced.join(', ')}.`);
  const ofPage = ['sampleEvery', 'samplePrompt'].filter((name) => Boolean(recipe[name]));
  if (ofPage.length > 0)
    report(`Left out of ${path}: ${ofPage.join(' and ')}. Only the page shows sampled answers during a run.`);
  flags.complete(Object.fromEntries(given), path);
  return flags;
}

const MADE_BY_TEMPLATE = [
  'promptTemplate',
  'inputTemplate',
  'answerTemplate',
  'systemTemplate',
  'textTemplate',
];

/**
 * The part of a recipe that applies, and the names of the other settings: those that the flags replace by others, and those that a run of the
 * chosen method, objective or adapter does not have.
 */
function divided(
  recipe: Recipe,
  flags: Flags<FlagSpecs>,
  specs: FlagSpecs,
): { readonly kept: Recipe; readonly replaced: readonly string[] } {
  const known = TABLE.settings.filter(({ flag }) => flag !== undefined && Object.hasOwn(specs, flag));
  const given = { ...recipe, ...settingsOfFlags(flags, known) };
  const gone = new Set(
    known.filter(({ flag }) => flags.isGiven(flag!)).flatMap(({ replaces }) => replaces ?? []),
  );
  // It is not a setting itself; the mapping made from it is.
  if (flags.text('template') !== undefined) for (const name of MADE_BY_TEMPLATE) gone.add(name);
  const hasAdapter = flags.text('init-adapter') !== undefined;
  const applies = (name: string): boolean => {
    const setting = TABLE.find(name)!;
    return !gone.has(name) && TABLE.applies(setting, given) && !(hasAdapter && setting.fixed === true);
  };
  const names = Object.keys(recipe);
  return {
    kept: Object.fromEntries(Object.entries(recipe).filter(([name]) => applies(name))),
    replaced: names.filter((name) => !applies(name)),
  };
}
