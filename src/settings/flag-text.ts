/** How a setting is written after its flag. */
import type { RewardSpec } from '../scorers/scorer-spec.ts';
import type { Setting } from './setting.ts';

/** No model has so many layers. */
const LONGEST_RANGE = 10_000;

/** @returns the text after the flag; for a switch, whether the flag stands there */
export function flagText(setting: Setting, value: unknown): string | boolean {
  switch (setting.type) {
    case 'switch':
      return value !== setting.default;
    case 'names':
      return (value as readonly string[]).map((name) => name.replaceAll(',', '\\,')).join(',');
    case 'numbers':
      return (value as readonly number[]).join(',');
    case 'pattern':
      return Object.entries(value as Readonly<Record<string, number>>)
        .map(([key, number]) => `${key}=${number}`)
        .join(',');
    case 'rewards':
      return rewardsText(value as readonly RewardSpec[]);
    default:
      return String(value);
  }
}

/** Names with their weights if these are the only fields, otherwise JSON. */
function rewardsText(specs: readonly RewardSpec[]): string {
  const isPlain = specs.every((spec) => Object.keys(spec).every((key) => key === 'name' || key === 'weight'));
  return isPlain
    ? specs.map(({ name, weight = 1 }) => (weight === 1 ? name : `${name}:${weight}`)).join(',')
    : JSON.stringify(specs);
}

/** The flag that turns a setting off: `no-packing` for `packing`. */
export function negativeOf(flag: string): string {
  return flag.startsWith('no-') ? flag.slice('no-'.length) : `no-${flag}`;
}

/** The name and the label of a setting, written as flags are: `learning-rate` for `lr`. */
export function wordsFor({ name, label }: Pick<Setting, 'name' | 'label'>): string[] {
  const dashed = (text: string): string =>
    text
      .replaceAll(/([a-z])([A-Z])/g, '$1-$2')
      .replaceAll(/[^A-Za-z0-9]+/g, '-')
      .replaceAll(/^-|-$/g, '')
      .toLowerCase();
  return [dashed(name), dashed(label)];
}

/** Numbers as a person writes them: `0-3, 5`. What cannot be read gives the number NaN, which no setting takes. */
export function readNumbers(text: string): readonly number[] {
  if (text.trim() === '') return [];
  return text.split(',').flatMap((item) => {
    const [, first, last = first] = /^\s*(\d+)(?:\s*-\s*(\d+))?\s*$/.exec(item) ?? [];
    const [from, to] = [Number(first), Number(last)];
    if (!(from <= to && to - from < LONGEST_RANGE)) return [NaN];
    return Array.from({ length: to - from + 1 }, (_, at) => from + at);
  });
}

/** Names as a person writes them: `<|tool|>, <|user|>`; a comma in a name is `\\,`. */
export function readNames(text: string): readonly string[] {
  return text
    .split(/(?<!\\),/)
    .map((name) => name.replaceAll('\\,', ',').trim())
    .filter((name) => name !== '');
}

/** A pattern as a person writes it: `q_proj=16, v_proj=4`. A part that cannot be read gets the number NaN, which no setting takes. */
export function readPattern(text: string): Readonly<Record<string, number>> {
  const items = text.split(',').map((item) => item.trim());
  if (text.trim() === '') return {};
  return Object.fromEntries(
    items.map((item) => {
      const [, key, number] = /^([^=]+)=([^=]+)$/.exec(item) ?? [];
      return key === undefined ? [item, NaN] : [key.trim(), Number(number)];
    }),
  );
}
