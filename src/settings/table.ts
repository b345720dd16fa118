/** The table of settings: every setting of a run once, in the order in which a saved run has them. */
import {
  BASE_SETTINGS,
  CLIP_SETTINGS,
  LENGTH_SETTINGS,
  OTHER_SETTINGS,
  PAGE_SETTINGS,
  RATE_SETTINGS,
  START_SETTINGS,
  WATCH_SETTINGS,
} from './run.ts';
import { REGISTRY, settingsOf, type Registry } from './registry.ts';
import {
  FILE_SETTINGS,
  LIMIT_SETTINGS,
  MIXTURE_SETTINGS,
  MORE_ROWS_SETTINGS,
  SPLIT_SETTINGS,
  TEXT_SETTINGS,
} from './rows.ts';
import { oneOf } from './values.ts';
import type {
  AboutModel,
  ChoiceSetting,
  Contribution,
  FormGroup,
  Given,
  Setting,
  SettingTerm,
  SettingValue,
  ValuesOf,
} from './setting.ts';

/** Which contributions a setting belongs to, by the setting that chooses among them; empty if every run has it. */
type Owners = Readonly<Partial<Record<ChooserName, readonly string[]>>>;
type ChooserName = 'method' | 'optimiser' | 'objective';

const CHOOSERS = [
  {
    name: 'method',
    of: 'methods',
    placeholder: 'M',
    label: 'Method',
    help: 'Which parameters are trained: an adapter, or the weights of the model.',
  },
  {
    name: 'objective',
    of: 'objectives',
    placeholder: 'O',
    group: 'Goal',
    label: 'Objective',
    term: { id: 'objective', name: 'Objective' },
    help: 'The training objective: how a loss is made of the rows.',
  },
  {
    name: 'optimiser',
    of: 'optimisers',
    placeholder: 'O',
    group: 'Rate',
    label: 'Optimiser',
    term: { id: 'optimiser', name: 'Optimiser' },
    help: 'The rule that turns gradients into steps.',
  },
] as const satisfies readonly {
  readonly name: ChooserName;
  readonly of: keyof Registry;
  readonly placeholder: string;
  readonly group?: FormGroup;
  readonly label: string;
  readonly term?: SettingTerm;
  readonly help: string;
}[];

interface Table<One extends Setting = Setting> {
  readonly settings: readonly One[];
  /** @returns undefined for a name that no setting has */
  find(name: string): One | undefined;
  owners(setting: Setting): Owners;
  /** The same for people: “LoRA”. */
  ownerLabels(setting: Setting): string;
  /** Whether a run with these choices has the setting. */
  applies(setting: Setting, given: Given): boolean;
  /** The defaults; missing for settings that depend on the model or the rows. */
  resolve(given: Given, about?: AboutModel): Record<string, SettingValue>;
}

/** The settings of runs with the contributions of a registry. The choice of a contribution is a setting if there are two. */
export function makeTable(registry: Registry): Table {
  const owned = new Map<Setting, Partial<Record<ChooserName, readonly string[]>>>();
  const chosen = new Map<ChooserName, readonly Contribution[]>();
  for (const { name, of } of CHOOSERS) {
    const contributions: readonly Contribution[] = registry[of];
    chosen.set(name, contributions);
    for (const setting of settingsOf(contributions))
      owned.set(setting, {
        ...owned.get(setting),
        [name]: contributions.filter(({ settings }) => settings.includes(setting)).map((one) => one.name),
      });
  }
  const choosers = (wanted: ChooserName): Setting[] =>
    CHOOSERS.filter(({ name, of }) => name === wanted && registry[of].length > 1).map(
      ({ of, ...chooser }): ChoiceSetting => ({
        ...chooser,
        part: 'run',
        type: 'choice',
        flag: chooser.name,
        choices: registry[of].map(({ name }) => name),
        labels: Object.fromEntries(registry[of].map(({ name, label }) => [name, label])),
        default: registry[of][0].name,
      }),
    );
  const settings: readonly Setting[] = [
    ...FILE_SETTINGS,
    ...MORE_ROWS_SETTINGS,
    ...choosers('method'),
    ...LENGTH_SETTINGS,
    ...LIMIT_SETTINGS,
    ...choosers('objective'),
    ...settingsOf(registry.objectives),
    ...RATE_SETTINGS,
    ...choosers('optimiser'),
    ...settingsOf(registry.optimisers),
    ...CLIP_SETTINGS,
    ...settingsOf(registry.methods),
    ...OTHER_SETTINGS,
    ...SPLIT_SETTINGS,
    ...MIXTURE_SETTINGS,
    ...TEXT_SETTINGS,
    ...BASE_SETTINGS,
    ...START_SETTINGS,
    ...WATCH_SETTINGS,
    ...PAGE_SETTINGS,
  ];
  const byName = new Map(settings.map((setting) => [setting.name, setting]));
  if (byName.size < settings.length) throw new Error('Two settings have one name');
  /** The contributions of a run with these settings. */
  const contributionsOf = (given: Given): Contribution[] =>
    CHOOSERS.map(({ name }) => {
      const among = chosen.get(name) ?? [];
      return among.find((one) => one.name === given[name]) ?? among[0];
    });
  const owners = (setting: Setting): Owners => owned.get(setting) ?? {};
  return {
    settings,
    find: (name) => byName.get(name),
    owners,
    ownerLabels: (setting) =>
      oneOf(
        CHOOSERS.flatMap(({ name }) =>
          (owners(setting)[name] ?? []).map(
            (owner) => chosen.get(name)?.find((one) => one.name === owner)?.label ?? owner,
          ),
        ),
      ),
    applies(setting, given) {
      const made = contributionsOf(given).map(({ name }) => name);
      return Object.values(owners(setting)).every((names) => names.some((name) => made.includes(name)));
    },
    resolve(given, about = {}) {
      const values: Record<string, SettingValue> = {};
      const made = contributionsOf(given);
      for (const setting of settings) {
        const { name, default: initial } = setting;
        // An optimiser's values take precedence over a method's.
        const own = made.findLast((one) => one.defaults && Object.hasOwn(one.defaults, name))?.defaults?.[
          name
        ];
        const usual = own ?? (typeof initial === 'function' ? initial(values, about) : initial);
        const value =
          given[name] ?? ('multiplies' in setting ? multiplied(usual as number, made, given) : usual);
        if (value !== undefined) values[name] = value as SettingValue;
      }
      return values;
    },
  };
}

/** A rate times those of the contributions, in the digits that people write: 0.001 × 0.3 × 0.1 is 0.00003. */
function multiplied(usual: number, made: readonly Contribution[], given: Given): number {
  const rates = made.map(({ rate = 1 }) => (typeof rate === 'function' ? rate(given) : rate));
  return Number(rates.reduce((product, rate) => product * rate, usual).toPrecision(12));
}

/** Every setting of the registry, with the type of its declaration. */
export type Known = Usual | (typeof REGISTRY)[keyof typeof REGISTRY][number]['settings'][number];
/** Settings of every run, and of the usual method, objective and optimiser: runs of versions without others have these. */
type Usual =
  | (typeof FILE_SETTINGS)[number]
  | (typeof MORE_ROWS_SETTINGS)[number]
  | (typeof LENGTH_SETTINGS)[number]
  | (typeof LIMIT_SETTINGS)[number]
  | (typeof RATE_SETTINGS)[number]
  | (typeof CLIP_SETTINGS)[number]
  | (typeof OTHER_SETTINGS)[number]
  | (typeof SPLIT_SETTINGS)[number]
  | (typeof MIXTURE_SETTINGS)[number]
  | (typeof TEXT_SETTINGS)[number]
  | (typeof BASE_SETTINGS)[number]
  | (typeof START_SETTINGS)[number]
  | (typeof WATCH_SETTINGS)[number]
  | (typeof PAGE_SETTINGS)[number]
  | (typeof REGISTRY)[keyof typeof REGISTRY][0]['settings'][number];
export type SettingName = Known['name'] | 'method';

type Method = (typeof REGISTRY)['methods'][number]['name'];
/** Settings that every run has, and had when the first was saved. */
type Always = Exclude<Usual, { later: true }>;
/** The values of settings that belong to a part; those that only another method, objective or optimiser has, or that came later, may be missing. */
export type Values<Part extends Setting['part']> = ValuesOf<Extract<Always, { part: Part }>> &
  Partial<Omit<ValuesOf<Extract<Known, { part: Part }>>, Always['name']>>;
/** The settings of the trainer, in one object. */
export type RunValues = {
  readonly method: Method;
  /** Names of the registry; the first of each if left out. */
  readonly objective?: string;
  readonly optimiser?: string;
} & Omit<Values<'run'>, 'steps'> & { readonly steps?: number };

export const TABLE = makeTable(REGISTRY);

/** @throws Error for a name that no setting has, which is a defect of the code */
export function settingOf(name: SettingName, table: Table = TABLE): Setting {
  const setting = table.find(name);
  if (!setting) throw new Error(`No setting ${name}`);
  return setting;
}

/** Settings that only the command has. */
const COMMAND_ONLY: readonly string[] = ['epochs'];
/** The settings of a run of the page, in the order of the table. */
export const PAGE_TABLE: readonly Setting[] = TABLE.settings.filter(
  ({ name, part }) => (part === 'run' || part === 'watch' || part === 'page') && !COMMAND_ONLY.includes(name),
);
/** Whether a run may lack it: then the adapter that it starts from decides. */
export const mayBeMissing = ({ default: initial, group, type }: Setting): boolean =>
  initial === undefined && (group === undefined || type === 'choice');
/** Their values. */
export type PageValues = Omit<RunValues, 'method' | 'epochs' | 'steps'> & {
  /** Missing in runs of versions without a choice: they train an adapter. */
  readonly method?: Method;
  /** A name in optimisers/registry.ts; the first if left out. */
  readonly optimiser?: string;
  readonly steps: number;
} & Values<'watch'> &
  Values<'page'>;

/** The settings of a saved run, with what runs did before there were the settings that it lacks. */
export function asSaved<Kept extends object>(kept: Kept): Kept {
  const before = TABLE.settings.flatMap(({ name, before: value }) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return { ...Object.fromEntries(before), ...kept };
}

/** Kept settings of the page, with the initial values of settings that are newer. */
export function pageValues(kept: Given): PageValues {
  const values = TABLE.resolve(kept);
  return Object.fromEntries(PAGE_TABLE.map(({ name }) => [name, values[name]])) as unknown as PageValues;
}

type TermOf<One> = One extends { readonly term: { readonly id: infer Id extends string } } ? Id : never;
/** The words of the guide that settings lead to, by their ids. */
export const SETTING_TERMS = Object.fromEntries(
  TABLE.settings.flatMap(({ term }) => (term ? [[term.id, term.name]] : [])),
) as Readonly<Record<TermOf<Known>, string>>;
