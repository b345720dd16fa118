/** The settings that a sweep varies: lists of values and ranges, and the recipes that are made of them. */
import { GraftError } from '../../errors.ts';
import { flagOfOtherTool, nearestName } from '../../nearest-name.ts';
import { Random } from '../../random.ts';
import { wordsFor } from '../../settings/flag-text.ts';
import type { NumberSetting, Setting } from '../../settings/setting.ts';
import { unsweptReason, type SweptSetting } from '../../settings/swept.ts';
import { TABLE } from '../../settings/table.ts';
import { allowed, isAllowed } from '../../settings/values.ts';

export type SweptValue = number | string | boolean;
/** The varied settings of a run, by their names in the table. */
export type Point = Readonly<Record<string, SweptValue>>;

/** A setting with the values that it takes. */
export interface ValueList {
  readonly setting: SweptSetting;
  readonly values: readonly SweptValue[];
}

/** A number that is drawn between two ends. */
export interface ValueRange {
  readonly setting: NumberSetting;
  readonly from: number;
  readonly to: number;
  /** Whether its logarithm is uniform. */
  readonly isLog: boolean;
}

export type Dimension = ValueList | ValueRange;

/** Sweeps of more runs are mistakes: a grid of four settings with ten values each has ten thousand. */
export const MAX_RUNS = 1000;
/** Drawn numbers are rounded, so that a person can type them. */
const DIGITS = 3;
/** Draws per wanted recipe before a space counts as too small for so many different ones. */
const MAX_DRAWS = 100;

const plain = (text: string): string => text.replaceAll(/[-_\s]/g, '').toLowerCase();

/** The setting of a name: its own, its flag, its label, or what another tool calls it. */
function settingNamed(typed: string): Setting | undefined {
  const own = TABLE.find(typed);
  if (own) return own;
  const found = TABLE.settings.find((setting) =>
    [setting.name, setting.flag ?? '', setting.label].some((word) => plain(word) === plain(typed)),
  );
  if (found) return found;
  const flags = TABLE.settings.flatMap(({ flag }) => flag ?? []);
  const dashed = typed.replaceAll(/([a-z])([A-Z])/g, '$1-$2');
  const flag = flagOfOtherTool(dashed, flags);
  return flag === undefined ? undefined : TABLE.settings.find((one) => one.flag === flag);
}

/** @throws GraftError `arguments` */
function sweptSetting(by: string, typed: string): SweptSetting {
  const setting = settingNamed(typed);
  if (!setting) {
    const words = TABLE.settings
      .filter((one) => unsweptReason(one) === undefined)
      .flatMap((one) => [one.name, ...wordsFor(one)].map((word) => ({ name: one.name, word })));
    const near = nearestName(
      typed,
      words.map(({ word }) => word),
    );
    const meant = words.find(({ word }) => word === near)?.name;
    throw new GraftError(
      'arguments',
      `${by} names ${JSON.stringify(typed)}, and there is no such setting.${meant === undefined ? '' : ` Did you mean ${meant}?`}`,
      'Take a name of the list of settings (docs/reference/settings.md), such as lr or rank.',
    );
  }
  const reason = unsweptReason(setting);
  if (reason !== undefined)
    throw new GraftError(
      'arguments',
      `${by} names ${setting.name}, which a sweep does not vary: ${reason}.`,
      'Leave it out.',
    );
  return setting as SweptSetting;
}

/** @throws GraftError `arguments` for a value that the setting does not allow */
function readValue(by: string, setting: SweptSetting, text: string): SweptValue {
  const value =
    setting.type === 'choice'
      ? text
      : setting.type === 'switch'
        ? { true: true, false: false }[text]
        : text === ''
          ? undefined
          : Number(text);
  if (value === undefined || !isAllowed(setting, value))
    throw new GraftError(
      'arguments',
      `${by} gives ${setting.name} the value ${JSON.stringify(text)}.`,
      `Choose ${allowed(setting)}.`,
    );
  return value;
}

const RANGE = /^(?<from>[^.,:][^,:]*?)\.\.(?<to>[^,:]+)(?::(?<scale>\w+))?$/;

/**
 * Reads `lr=1e-4,3e-4;rank=4,8`, and with ranges `lr=1e-5..1e-2:log;rank=4..64`.
 *
 * @param flag that the texts come from, without its dashes
 * @param by who names the settings, in errors
 * @throws GraftError `arguments` naming the setting, the value and the allowed ones
 */
export function readSpace(
  flag: 'grid' | 'range',
  texts: readonly string[],
  by = `--${flag}`,
): { readonly dimensions: readonly Dimension[] } {
  const wrong = (what: string): GraftError =>
    new GraftError(
      'arguments',
      what,
      by !== `--${flag}`
        ? 'Give lists as 1e-4, 3e-4, and the smaller end of a range first.'
        : flag === 'grid'
          ? 'Write lists as --grid "lr=1e-4,3e-4;rank=4,8".'
          : 'Write ranges as --range "lr=1e-5..1e-2:log;rank=4..64".',
    );
  const parts = texts.flatMap((text) => text.split(';')).map((text) => text.trim());
  const dimensions = parts
    .filter((part, at) => part !== '' || at === 0)
    .map((part): Dimension => {
      const [, typed, values] = /^\s*([^=\s]+)\s*=(.*)$/s.exec(part) ?? [];
      if (typed === undefined)
        throw wrong(`${by} has ${JSON.stringify(part)}, which gives no setting a value.`);
      const setting = sweptSetting(by, typed);
      const range = RANGE.exec(values.trim());
      if (!range) {
        const list = values.split(',').map((text) => readValue(by, setting, text.trim()));
        if (new Set(list).size < list.length)
          throw wrong(`${by} gives ${setting.name} the same value twice.`);
        return { setting, values: list };
      }
      return readRange({ flag, by }, setting, range, wrong);
    });
  const names = dimensions.map(({ setting }) => setting.name);
  const twice = names.find((name, at) => names.indexOf(name) < at);
  if (twice !== undefined) throw wrong(`${by} names ${twice} twice.`);
  return { dimensions };
}

function readRange(
  { flag, by }: { readonly flag: 'grid' | 'range'; readonly by: string },
  setting: SweptSetting,
  { groups = {} }: RegExpExecArray,
  wrong: (what: string) => GraftError,
): ValueRange {
  const { from: first = '', to: last = '', scale } = groups as Readonly<Record<string, string | undefined>>;
  if (flag === 'grid') throw wrong(`${by} gives ${setting.name} a range, and a grid has lists of values.`);
  if (setting.type !== 'integer' && setting.type !== 'number')
    throw wrong(`${by} gives ${setting.name} a range, and its values are not numbers.`);
  const [from, to] = [first, last].map((text) => readValue(by, setting, text.trim()) as number);
  if (scale !== undefined && scale !== 'log')
    throw wrong(`${by} draws ${setting.name} by ${JSON.stringify(scale)}, and only log is known.`);
  if (!(from < to))
    throw wrong(`${by} gives ${setting.name} a range from ${from} to ${to}, which is not upwards.`);
  if (scale === 'log' && from <= 0)
    throw wrong(`${by} draws ${setting.name} by its logarithm from ${from}, which has none.`);
  return { setting, from, to, isLog: scale === 'log' };
}

/** Every combination of the values, the last setting varying fastest. @throws GraftError `arguments` for too many */
export function gridOf(lists: readonly ValueList[]): Point[] {
  const runs = lists.reduce((product, { values }) => product * values.length, 1);
  checkRuns(runs);
  return lists.reduce<Point[]>(
    (points, { setting, values }) =>
      points.flatMap((point) => values.map((value) => ({ ...point, [setting.name]: value }))),
    [{}],
  );
}

/** @throws GraftError `arguments` */
export function checkRuns(runs: number): void {
  if (runs > MAX_RUNS)
    throw new GraftError(
      'arguments',
      `The sweep would have ${runs} runs, and at most ${MAX_RUNS} are made.`,
      'Give fewer values, or draw some of them at random.',
    );
}

/**
 * Different recipes, drawn at random: the first ones stay the same when more are drawn.
 *
 * @throws GraftError `arguments` if the values do not have so many combinations
 */
export function drawPoints(dimensions: readonly Dimension[], wanted: number, seed: number): Point[] {
  const random = new Random(seed);
  const points = new Map<string, Point>();
  for (let draw = 0; draw < MAX_DRAWS * wanted && points.size < wanted; draw++) {
    const point = Object.fromEntries(
      dimensions.map((dimension) => [dimension.setting.name, drawValue(dimension, random)]),
    );
    points.set(JSON.stringify(point), point);
  }
  if (points.size < wanted)
    throw new GraftError(
      'arguments',
      `${wanted} different recipes are wanted, and their settings and ranges have only ${points.size}.`,
      'Draw fewer, or give wider ranges.',
    );
  return [...points.values()];
}

function drawValue(dimension: Dimension, random: Random): SweptValue {
  if ('values' in dimension) return dimension.values[random.below(dimension.values.length)];
  const { setting, from, to, isLog } = dimension;
  const share = random.float();
  const drawn = isLog ? from * (to / from) ** share : from + (to - from) * share;
  // A whole number is rounded once: every one of the range is as likely as its neighbours, also at the ends.
  if (setting.type === 'integer')
    return isLog ? Math.round(drawn) : from + Math.min(to - from, Math.floor(share * (to - from + 1)));
  return Math.min(to, Math.max(from, Number(drawn.toPrecision(DIGITS))));
}

/** What a setting is called: by its name in the command, and by its label in the page. */
export type Naming = (setting: string) => string;
export const byName: Naming = (setting) => setting;

/** A point in words: `lr 0.003, rank 8`; “the usual settings” if nothing varies. */
export const pointInWords = (point: Point, called = byName): string =>
  Object.entries(point)
    .map(([name, value]) => `${called(name)} ${String(value)}`)
    .join(', ') || 'the usual settings';
