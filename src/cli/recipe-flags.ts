/** `--recipe FILE`: settings from a file, under the flags of the call. */
import { GraftError } from '../errors.ts';
import { decodeUtf8 } from '../json.ts';
import { LARGEST_RECIPE, readRecipe, recipeFlags, type Recipe } from '../settings/recipe.ts';
import { TABLE } from '../settings/table.ts';
import { readWhole } from './files.ts';
import { Flags, type FlagSpec, type FlagSpecs } from './flags.ts';
import { readRewardFiles } from './reward-flags.ts';
import { readSettings } from './setting-flags.ts';

export const recipeFlag = {
  value: 'FILE',
  help: 'settings from a JSON file, as the page writes one; flags go before it, and --no-packing and the like switch off what it switches on',
} as const satisfies FlagSpec;

/**
 * The flags of a call, with the recipe's values for those that are not given.
 *
 * @throws GraftError `arguments`, `file-missing`, `recipe`
 */
export async function flagsWithRecipe<Specs extends FlagSpecs>(
  specs: Specs,
  args: readonly string[],
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
  const told = recipeFlags(leftOf(readRecipe(decodeUtf8(bytes, path), path), flags, specs));
  flags.complete(Object.fromEntries(told.filter(([flag]) => Object.hasOwn(specs, flag))));
  return flags;
}

const MADE_BY_TEMPLATE = [
  'promptTemplate',
  'inputTemplate',
  'answerTemplate',
  'systemTemplate',
  'textTemplate',
];

/** The part of a recipe that applies: without settings that the flags replace, and without those that the run does not have. */
function leftOf(recipe: Recipe, flags: Flags<FlagSpecs>, specs: FlagSpecs): Recipe {
  const known = TABLE.settings.filter(({ flag }) => flag !== undefined && Object.hasOwn(specs, flag));
  const given = { ...recipe, ...readSettings(flags, known) };
  const replaced = new Set(
    known.filter(({ flag }) => flags.isGiven(flag!)).flatMap(({ replaces }) => replaces ?? []),
  );
  // It is not a setting itself; the mapping made from it is.
  if (flags.text('template') !== undefined) for (const name of MADE_BY_TEMPLATE) replaced.add(name);
  const hasAdapter = flags.text('init-adapter') !== undefined;
  return Object.fromEntries(
    Object.entries(recipe).filter(([name]) => {
      const setting = TABLE.find(name)!;
      return !replaced.has(name) && TABLE.applies(setting, given) && !(hasAdapter && setting.fixed === true);
    }),
  );
}
