/** Flags of the settings: their help, and the values that they give. */
import { negativeOf, wordsFor } from '../settings/flag-text.ts';
import { GraftError } from '../errors.ts';
import type { FormGroup, Given, Setting, SettingValue } from '../settings/setting.ts';
import { TABLE } from '../settings/table.ts';
import { oneOf } from '../settings/values.ts';
import { readRewardTexts } from './reward-flags.ts';
import type { FlagSpec, Flags, FlagSpecs } from './flags.ts';

type FlagNames<One extends Setting> = One extends { flag: infer Name extends string } ? Name : never;

const PLACEHOLDERS: Readonly<Record<Setting['type'], string>> = {
  integer: 'N',
  number: 'X',
  switch: '',
  choice: 'NAME',
  text: 'TEXT',
  names: 'A,B',
  numbers: 'N,M-K',
  pattern: 'NAME=X,…',
  rewards: 'NAME',
};

/** The groups of the form, as parts of the help. */
const HEADINGS: Readonly<Record<FormGroup, string>> = {
  Goal: 'Objective',
  Length: 'Length of the run, and memory',
  Rate: 'Learning rate and optimiser',
  Adapter: 'Adapter',
  Weights: 'Full fine-tuning',
  Watching: 'Validation and forgetting',
  Chance: 'Seed and order',
};

/** The part of the help for settings that the form has elsewhere. */
const PLACED: Readonly<Record<string, FormGroup>> = {
  epochs: 'Length',
  rewards: 'Goal',
  targets: 'Adapter',
  feedforward: 'Adapter',
};

function headingOf({ name, group = PLACED[name] as FormGroup | undefined }: Setting): { heading?: string } {
  return group ? { heading: HEADINGS[group] } : {};
}

/** The flags of these settings, in their order. */
export function settingFlags<One extends Setting>(
  settings: readonly One[],
): Readonly<Record<FlagNames<One>, FlagSpec>> {
  const specs = settings.flatMap((setting) =>
    setting.flag === undefined ? [] : [[setting.flag, flagOf(setting, setting.flag)] as const],
  );
  return Object.fromEntries(specs) as Record<FlagNames<One>, FlagSpec>;
}

function flagOf(setting: Setting, flag: string): FlagSpec {
  const { type, placeholder = PLACEHOLDERS[type] } = setting;
  const about = { help: helpOf(setting), words: wordsFor(setting), ...headingOf(setting) };
  if (type === 'switch') return { ...about, negative: negativeOf(flag) };
  return { ...about, value: placeholder, ...(type === 'rewards' && { many: true }) };
}

/** One line of help: the allowed values, what the setting is, and its default. */
function helpOf(setting: Setting): string {
  if (setting.type === 'switch') return inLine(setting.off ?? setting.help);
  const choices =
    setting.type === 'choice' && !setting.placeholder?.includes('|') ? `${oneOf(setting.choices)}: ` : '';
  const initial = setting.defaultText ?? initialWords(setting);
  return `${choices}${inLine(setting.help)}${initial === undefined ? '' : ` (default: ${initial})`}`;
}

/** A sentence as part of another. */
function inLine(sentence: string): string {
  const text = sentence.replace(/\.$/, '');
  return /^[A-Z]{2}/.test(text) ? text : text.charAt(0).toLowerCase() + text.slice(1);
}

/** Settings whose value changes the defaults of others. */
const CHOOSERS = ['method', 'objective', 'optimiser'] as const;

/** The example of defaults that are multiplied. */
const TOGETHER = { method: 'full', objective: 'dpo' } as const;

/** Settings of a run where nothing else is given. */
type Resolved = ReturnType<typeof TABLE.resolve>;

interface Initials {
  readonly usual: Resolved;
  /** One for each choice that changes the defaults of others. */
  readonly others: readonly {
    readonly chooser: string;
    readonly name: string;
    readonly resolved: Resolved;
  }[];
  readonly together: Resolved;
}

let initials: Initials | undefined;

/** Made once: the help of every flag reads them, at each start of the command. */
const initialsOfAll = (): Initials =>
  (initials ??= {
    usual: TABLE.resolve({}),
    others: CHOOSERS.flatMap((chooser) => {
      const choice = TABLE.find(chooser);
      const names = choice?.type === 'choice' ? choice.choices : [];
      return names.map((name) => ({ chooser, name, resolved: TABLE.resolve({ [chooser]: name }) }));
    }),
    together: TABLE.resolve(TOGETHER),
  });

function initialWords(setting: Setting): string | undefined {
  const word = (value: SettingValue | undefined): string | undefined =>
    value === undefined || typeof value === 'object' || value === '' ? undefined : String(value);
  const all = initialsOfAll();
  const usual = word(all.usual[setting.name]);
  const others = all.others.flatMap(({ chooser, name, resolved }) => {
    const other = word(resolved[setting.name]);
    return setting.name === chooser || other === usual || other === undefined ? [] : [`${name}: ${other}`];
  });
  if (usual === undefined) return undefined;
  const words = [usual, ...others].join('; ');
  if (!('multiplies' in setting)) return words;
  const both = word(all.together[setting.name]);
  return `${words}; together each lowers or raises it by its part: ${both} for ${Object.values(TOGETHER).join(' with ')}`;
}

/**
 * Refuses settings that the run does not have: those of another method, optimiser or objective.
 *
 * @throws GraftError `arguments`
 */
export function checkOwners(settings: readonly Setting[], given: Given): void {
  for (const setting of settings) {
    if (!Object.hasOwn(given, setting.name) || TABLE.applies(setting, given)) continue;
    const { method, objective, optimiser } = TABLE.owners(setting);
    const remedy = method
      ? `Leave it out, or train with --method ${method[0]}.`
      : objective
        ? `Leave it out, or choose --objective ${objective[0]}.`
        : optimiser
          ? `Leave it out, or choose --optimiser ${optimiser[0]}.`
          : 'Leave it out.';
    throw new GraftError('arguments', `--${setting.flag} is for ${TABLE.ownerLabels(setting)}.`, remedy);
  }
}

/**
 * The values of flags by the names of the settings, without flags that are not given.
 *
 * @throws GraftError `arguments` for a value that does not have the setting's type
 */
export function settingsOfFlags(
  flags: Flags<FlagSpecs>,
  settings: readonly Setting[],
): Record<string, SettingValue> {
  const values = settings.flatMap((setting) => {
    const value = setting.flag === undefined ? undefined : readSetting(flags, setting, setting.flag);
    return value === undefined ? [] : [[setting.name, value] as const];
  });
  return Object.fromEntries(values);
}

function readSetting(flags: Flags<FlagSpecs>, setting: Setting, flag: string): SettingValue | undefined {
  switch (setting.type) {
    case 'integer':
    case 'number':
      return flags.number(flag);
    case 'switch':
      return flags.on(flag) ? setting.default !== true : undefined;
    case 'choice':
      return flags.choice(flag, setting.choices);
    case 'text':
      return flags.text(flag);
    case 'names':
      return flags.list(flag);
    case 'numbers':
      return flags.numbers(flag);
    case 'pattern':
      return flags.text(flag) === undefined ? undefined : flags.pattern(flag);
    case 'rewards':
      return flags.isGiven(flag) ? readRewardTexts(flags.texts(flag)) : undefined;
  }
}
