/**
 * A recipe: the settings of a run as a JSON file, by their names. The command takes one with `--recipe`, the page writes and reads the same;
 * the allowed values are in recipe.schema.json, which is made from the table.
 */
import { GraftError } from '../errors.ts';
import { isObject, parseWritten } from '../json.ts';
import { flagOfOtherTool, nearestName } from '../nearest-name.ts';
import { flagText, wordsFor } from './flag-text.ts';
import { RULES } from './rules.ts';
import { idleSettings } from './idle.ts';
import type { Given, SettingValue } from './setting.ts';
import type { RunSpec } from './spec.ts';
import { TABLE } from './table.ts';
import { correction, isAllowed, limited, quoted } from './values.ts';

export type Recipe = Readonly<Record<string, SettingValue>>;

/** The address of the schema, which editors add. */
const SCHEMA_KEY = '$schema';
/** No recipe is larger: the longest templates fit in it. */
export const LARGEST_RECIPE = 4 * 2 ** 20;

/**
 * @param where the file, for messages
 * @throws GraftError `json-…` for a file that is not JSON, `recipe` naming the key, its value and the allowed ones
 */
export function readRecipe(text: string, where: string): Recipe {
  const wrong = (what: string, remedy: string): GraftError =>
    new GraftError('recipe', `${where}: ${what}`, remedy);
  const json = parseWritten(text, where);
  if (!isObject(json))
    throw wrong('a recipe is an object, and this is none.', 'Write settings as {"steps": 60, "lr": 0.001}.');
  const recipe: Record<string, SettingValue> = {};
  for (const [key, value] of Object.entries(json)) {
    if (key === SCHEMA_KEY) continue;
    const setting = TABLE.find(key);
    if (!setting) {
      const near = nearestSetting(key);
      throw wrong(
        `there is no setting ${quoted(key)}.${near === undefined ? '' : ` Did you mean ${near}?`}`,
        'Leave it out, or take a name from recipe.schema.json.',
      );
    }
    // The schema has the wider limits of all objectives.
    if (!isAllowed(setting, value))
      throw wrong(`${key} is ${quoted(value)}.`, correction(limited(setting, json), value));
    recipe[key] = value as SettingValue;
  }
  for (const setting of TABLE.settings) {
    if (!Object.hasOwn(recipe, setting.name)) continue;
    if (!TABLE.applies(setting, recipe))
      throw wrong(
        `${setting.name} is ${quoted(recipe[setting.name])}, and it is for ${TABLE.ownerLabels(setting)}.`,
        'Leave it out.',
      );
    const other = setting.replaces?.find((name) => isSaid(recipe[name]) && isSaid(recipe[setting.name]));
    if (other !== undefined)
      throw wrong(`${setting.name} and ${other} say the same in two ways.`, 'Leave one of them out.');
  }
  const rule = RULES.find(
    ({ of, holds }) => of.every((name) => Object.hasOwn(recipe, name)) && !holds(recipe),
  );
  if (rule) throw wrong(`${rule.name} is ${quoted(recipe[rule.name])}.`, `Choose ${rule.allowed(recipe)}.`);
  return recipe;
}

/** Whether a value has an effect: a share of 0 and an empty list have none. */
const isSaid = (value: SettingValue | undefined): boolean =>
  value !== undefined && value !== 0 && value !== '';

/**
 * The recipe that makes the same run: without settings that the run does not have or that do nothing in it, and without the shape of the adapter that it
 * starts from.
 */
export function recipeOf(spec: RunSpec): Recipe {
  const values: Given = spec;
  const entries = TABLE.settings.flatMap((setting): [string, SettingValue][] => {
    const { name, fixed } = setting;
    const value = values[name] as SettingValue | undefined;
    const isLeftOut =
      value === undefined ||
      !TABLE.applies(setting, values) ||
      (spec.initAdapter !== undefined && fixed === true) ||
      // The passes are counted in the steps, unless they were chosen.
      (name === 'epochs' && spec.steps !== undefined);
    return isLeftOut ? [] : [[name, value]];
  });
  // What does nothing would be refused.
  const idle = idleSettings(Object.fromEntries(entries)).map(({ name }) => name);
  return Object.fromEntries(entries.filter(([name]) => !idle.includes(name)));
}

/** A recipe as a file. */
export function writeRecipe(recipe: Recipe): string {
  return `${JSON.stringify(recipe, null, 2)}\n`;
}

/** A recipe as flags of the command, without their dashes; settings without a flag are left out. */
export function recipeFlags(recipe: Recipe): [flag: string, value: string | boolean][] {
  return TABLE.settings.flatMap((setting): [string, string | boolean][] => {
    const value = Object.hasOwn(recipe, setting.name) ? recipe[setting.name] : undefined;
    if (setting.flag === undefined || value === undefined) return [];
    const text = flagText(setting, value);
    return (setting.type === 'pattern' || setting.type === 'numbers') && text === ''
      ? []
      : [[setting.flag, text]];
  });
}

/** The setting that a key probably means: written as its flag, in snake case, under the name of another tool, or with a typo. */
function nearestSetting(key: string): string | undefined {
  const plain = (text: string): string => text.replaceAll(/[-_\s]/g, '').toLowerCase();
  const same = TABLE.settings.find(
    ({ name, flag }) => plain(name) === plain(key) || (flag !== undefined && plain(flag) === plain(key)),
  );
  if (same) return same.name;
  const elsewhere = flagOfOtherTool(
    key,
    TABLE.settings.flatMap(({ flag }) => flag ?? []),
  );
  if (elsewhere !== undefined) return TABLE.settings.find(({ flag }) => flag === elsewhere)?.name;
  const words = TABLE.settings.flatMap((setting) =>
    [setting.name, ...wordsFor(setting)].map((word) => ({ name: setting.name, word })),
  );
  const near = nearestName(
    key,
    words.map(({ word }) => word),
  );
  return words.find(({ word }) => word === near)?.name;
}
