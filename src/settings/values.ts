/** Whether a setting allows a value, and which values it allows. */
import type { Given, NumbersSetting, NumberSetting, PatternSetting, Setting } from './setting.ts';

type Ranged = NumberSetting | NumbersSetting | PatternSetting;

/** The allowed values of a setting, in words that follow “Choose”. */
export function allowed(setting: Setting): string {
  switch (setting.type) {
    case 'integer':
    case 'number':
      return numbers(setting, setting.type === 'integer');
    case 'switch':
      return 'true or false';
    case 'choice':
      return oneOf(setting.choices);
    case 'text':
      return `a text of at most ${setting.longest} characters`;
    case 'names':
      return mayBeNone(setting) ? 'names, none of them empty' : 'at least one name';
    case 'numbers':
      return `different numbers such as 0-3, 5, each ${numbers(setting, true)}`;
    case 'pattern':
      return `the ends of paths, each with ${numbers(setting, setting.whole === true)}`;
    case 'rewards':
      return 'a list of rewards, each with its name, such as [{"name": "exact-match", "weight": 1}]';
  }
}

/** Whether a list of names may have none. */
export const mayBeNone = ({ default: initial }: Setting): boolean =>
  Array.isArray(initial) && initial.length === 0;

/** What to do about a value that is not allowed, in sentences. */
export function correction(setting: Setting, value: unknown): string {
  return (setting.type === 'rewards' ? setting.problem(value) : undefined) ?? `Choose ${allowed(setting)}.`;
}

/** The setting with the limits that it has in a run with these settings. */
export function limited<One extends Setting>(setting: One, given: Given): One {
  const narrower = 'narrower' in setting ? setting.narrower?.(given) : undefined;
  return narrower ? { ...setting, min: undefined, above: undefined, ...narrower } : setting;
}

/** @returns whether a setting allows a value, whatever the other settings are */
export function isAllowed(setting: Setting, value: unknown): boolean {
  switch (setting.type) {
    case 'integer':
    case 'number':
      return isWithin(setting, value, setting.type === 'integer');
    case 'switch':
      return typeof value === 'boolean';
    case 'choice':
      return typeof value === 'string' && setting.choices.includes(value);
    case 'text':
      return typeof value === 'string' && value.length <= setting.longest;
    case 'names':
      return (
        Array.isArray(value) &&
        (value.length > 0 || mayBeNone(setting)) &&
        value.every((item) => typeof item === 'string' && item.trim() !== '')
      );
    case 'numbers':
      return (
        Array.isArray(value) &&
        new Set(value).size === value.length &&
        value.every((item) => isWithin(setting, item, true))
      );
    case 'pattern':
      return (
        typeof value === 'object' &&
        value !== null &&
        !Array.isArray(value) &&
        Object.entries(value).every(
          ([key, number]) => PATTERN_KEY.test(key) && isWithin(setting, number, setting.whole === true),
        )
      );
    case 'rewards':
      return setting.problem(value) === undefined;
  }
}

/** @returns whether a value is of the setting's type, even if it is not allowed, such as a number that is being typed */
export function isOfType(setting: Setting, value: unknown): boolean {
  switch (setting.type) {
    case 'integer':
    case 'number':
      return typeof value === 'number';
    case 'names':
      return Array.isArray(value) && value.every((item) => typeof item === 'string');
    case 'numbers':
      return Array.isArray(value) && value.every((item) => typeof item === 'number');
    case 'pattern':
      return (
        typeof value === 'object' &&
        value !== null &&
        !Array.isArray(value) &&
        Object.values(value).every((number) => typeof number === 'number')
      );
    case 'rewards':
      return Array.isArray(value);
    default:
      return isAllowed(setting, value);
  }
}

/** The end of a layer's path. */
export const PATTERN_KEY = /^[\w.]+$/;

function isWithin(
  { min = -Infinity, above = -Infinity, max = Infinity, below = Infinity }: Ranged,
  value: unknown,
  whole: boolean,
): boolean {
  return (
    typeof value === 'number' &&
    Number.isFinite(value) &&
    (!whole || Number.isInteger(value)) &&
    value >= min &&
    value > above &&
    value <= max &&
    value < below
  );
}

function numbers({ min, above, max, below, zero }: Ranged, whole: boolean): string {
  const kind = whole ? 'a whole number' : 'a number';
  const end = max === undefined ? (below === undefined ? undefined : `below ${below}`) : `${max}`;
  const atMost = max === undefined ? end : `at most ${max}`;
  const range =
    min !== undefined
      ? end === undefined
        ? ` of at least ${min}`
        : ` from ${min} to ${end}`
      : above !== undefined
        ? ` above ${above}${atMost === undefined ? '' : `, ${atMost}`}`
        : '';
  return `${kind}${range}${zero === undefined ? '' : ` (0 for ${zero})`}`;
}

/** Names as a choice in a sentence: `a, b or c`. */
export function oneOf(names: readonly string[]): string {
  return names.length < 2 ? names.join() : `${names.slice(0, -1).join(', ')} or ${names.at(-1) ?? ''}`;
}

/** A value in a message, however long it is. */
export function quoted(value: unknown): string {
  const LONGEST = 80;
  const text = (JSON.stringify(value) as string | undefined) ?? String(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
