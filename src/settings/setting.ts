/** Settings. Flags, form, recipe, checks, archive and glossary all follow from these fields. */

import type { RewardSpec } from '../scorers/scorer-spec.ts';

export type SettingValue =
  | number
  | boolean
  | string
  | readonly string[]
  | readonly number[]
  | Readonly<Record<string, number>>
  | readonly RewardSpec[];

/** What a default may depend on besides other settings. */
export interface AboutModel {
  /** Parameters of the base model, if it is known. */
  readonly parameters?: number;
}

/** Settings by name, as far as they are known. */
export type Given = Readonly<Record<string, unknown>>;

/** An entry of the guide. */
export interface SettingTerm {
  readonly id: string;
  readonly name: string;
  /** The guide's text, if it has no separate entry: sentences, the source and other words that people search for. */
  readonly entry?: {
    readonly what: string;
    readonly more?: string;
    readonly less?: string;
    readonly start?: string;
    readonly source: string;
    readonly also?: string;
  };
}

interface Common<Value> {
  /** The key in a recipe, in storage and in messages. */
  readonly name: string;
  /**
   * Who reads it: `rows` decides how files become rows, `base` how the model is loaded and what the run starts from, `run` is for the trainer, `watch`
   * is measured next to the run and changes none of its numbers, and `page` is for the page alone.
   */
  readonly part: 'rows' | 'base' | 'run' | 'watch' | 'page';
  /** The flag of the command, without its dashes; missing if the command has none. */
  readonly flag?: string;
  /** What the help of the command calls the value. */
  readonly placeholder?: string;
  /** What it is, in one sentence. */
  readonly help: string;
  /** A further sentence in the form. */
  readonly more?: string;
  readonly term?: SettingTerm;
  /** Its group in the form; missing if the form has a separate editor for it, or none. */
  readonly group?: FormGroup;
  /** Its label, in the form, messages of the page, and comparisons of runs. */
  readonly label: string;
  /** The unit of a number. */
  readonly unit?: string;
  /** Whether the form hides it among the settings that few people need. */
  readonly advanced?: true;
  /** The default. It may depend on the settings before it; missing if it depends on model or rows. */
  readonly default?: Value | ((given: Given, about: AboutModel) => Value);
  /** Words for the default in the help, instead of the value. */
  readonly defaultText?: string;
  /** Whether an existing adapter has its own value: a run that trains it further may not choose another. */
  readonly fixed?: true;
  /**
   * It is newer than some saved runs: at its default, runs are compared without it, so that those can be resumed.
   */
  readonly later?: true;
  /**
   * For a newer setting whose default changes the numbers of a run: its value in runs that were saved before there was such a setting, and in those in
   * which it does nothing. A specification then always has a value.
   */
  readonly before?: Value;
  /** Settings that express the same in another way: a flag for this one replaces them in a recipe. */
  readonly replaces?: readonly string[];
}

/** Limits of a number, each with its word. */
export interface Range {
  readonly min?: number;
  readonly above?: number;
  readonly max?: number;
  readonly below?: number;
  /** What 0 means, if it turns something off. */
  readonly zero?: string;
}

export interface NumberSetting extends Common<number>, Range {
  readonly type: 'integer' | 'number';
  /** Another lower limit, in runs with some other settings. */
  readonly narrower?: (given: Given) => Pick<Range, 'min' | 'above'> | undefined;
  /** Whether method, objective and optimiser each multiply the default by their `rate`. */
  readonly multiplies?: true;
}
export interface SwitchSetting extends Common<boolean> {
  readonly type: 'switch';
  /** The effect of turning off a switch that is usually on, which its flag does. */
  readonly off?: string;
}
export interface ChoiceSetting extends Common<string> {
  readonly type: 'choice';
  /** For a setting that a run may lack: what holds then, in words that follow “As usual:”. */
  readonly usual?: (given: Given) => string;
  readonly choices: readonly string[];
  /** The label of a choice, if that is not its value. */
  readonly labels?: Readonly<Record<string, string>>;
}
export interface TextSetting extends Common<string> {
  readonly type: 'text';
  readonly longest: number;
}
interface NamesSetting extends Common<readonly string[]> {
  readonly type: 'names';
}
/** Whole numbers, in any order; none of them for all. */
export interface NumbersSetting extends Common<readonly number[]>, Range {
  readonly type: 'numbers';
}
/** A number for each layer whose path ends with the key. */
export interface PatternSetting extends Common<Readonly<Record<string, number>>>, Range {
  readonly type: 'pattern';
  readonly whole?: true;
}
/** A list of rewards, which src/scorers/rewards reads and checks. */
export interface RewardsSetting extends Common<readonly RewardSpec[]> {
  readonly type: 'rewards';
  /** The fault of a value, in sentences; undefined if there is none. */
  readonly problem: (value: unknown) => string | undefined;
  /** The allowed values, as JSON Schema. */
  readonly schema: () => Readonly<Record<string, unknown>>;
}
export type Setting =
  | NumberSetting
  | SwitchSetting
  | ChoiceSetting
  | TextSetting
  | NamesSetting
  | NumbersSetting
  | PatternSetting
  | RewardsSetting;

/** The groups of the form, in its order. */
export const FORM_GROUPS = ['Goal', 'Length', 'Rate', 'Adapter', 'Weights', 'Watching', 'Chance'] as const;
export type FormGroup = (typeof FORM_GROUPS)[number];

/** The value of a setting, by its declaration. */
type ValueOf<S extends Setting> = S extends { type: 'integer' | 'number' }
  ? number
  : S extends { type: 'switch' }
    ? boolean
    : S extends { type: 'choice'; choices: readonly (infer Choice)[] }
      ? Choice
      : S extends { type: 'names' }
        ? readonly string[]
        : S extends { type: 'numbers' }
          ? readonly number[]
          : S extends { type: 'pattern' }
            ? Readonly<Record<string, number>>
            : S extends { type: 'rewards' }
              ? readonly RewardSpec[]
              : string;

/** The values of several settings, by name. */
export type ValuesOf<S extends Setting> = { readonly [One in S as One['name']]: ValueOf<One> };

/**
 * An adapter kind, an optimiser or an objective, with its settings. Settings that
 * several of them share are the same object in each.
 */
export interface Contribution {
  /** The value that chooses it: `lora`. */
  readonly name: string;
  readonly label: string;
  /** What it is, in one sentence. */
  readonly help: string;
  readonly settings: readonly Setting[];
  /** For the choice of a method: what a run with it changes, and when it is the wrong choice. A sentence or two each. */
  readonly choice?: { readonly changes: string; readonly wrong: string };
  /**
   * Its learning rate, as a multiple of what LoRA takes on supervised rows with the usual optimiser; 1 if left out. The rates of method, objective and
   * optimiser are multiplied. Measured by bench/defaults.mjs.
   */
  readonly rate?: number | ((given: Given) => number);
  /** Suitable defaults of other settings, by name. The last one applies. */
  readonly defaults?: Readonly<Record<string, SettingValue>>;
}
