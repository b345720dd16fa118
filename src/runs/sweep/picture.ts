/** Parallel coordinates: an axis for each varied setting and one for the validation loss, and a line for each recipe. */
import { type Html, html } from '../../html.ts';
import { threeDigits } from '../../numbers.ts';
import { byName, pointInWords, type SweptValue } from './space.ts';
import { recipesOf, type SweepState } from './record.ts';

const [TOP, BOTTOM, SIDE, BETWEEN] = [44, 268, 76, 150];
const HEIGHT = 300;
/** Between an axis and its numbers. */
const GAP = 7;
/** More values than these are not written next to an axis; its ends are. */
const MAX_TICKS = 6;
const MIN_PLAIN = 0.001;
/** The picture may be drawn larger than its coordinates by this factor. */
const LARGEST = 1.3;
/** From this ratio of its ends on, an axis of numbers above 0 is logarithmic. */
const LOG_RATIO = 9;

interface Axis {
  readonly label: string;
  /** Where a value is, from 0 at the bottom to 1 at the top. */
  readonly place: (value: SweptValue) => number;
  readonly ticks: readonly { readonly text: string; readonly at: number }[];
}

const share = (value: number, from: number, to: number): number =>
  to > from ? (value - from) / (to - from) : 0.5;

function numberAxis(
  label: string,
  values: readonly number[],
  words: (value: number) => string,
  mostTicks = MAX_TICKS,
): Axis {
  const sorted = [...new Set(values)].sort((a, b) => a - b);
  const [min, max] = [sorted[0], sorted[sorted.length - 1]];
  const isLog = min > 0 && max / min >= LOG_RATIO;
  const scale = isLog ? Math.log : (value: number): number => value;
  const place = (value: SweptValue): number => share(scale(Number(value)), scale(min), scale(max));
  const shown = sorted.length <= mostTicks ? sorted : [min, max];
  const texts = shown.map(words);
  // Nearly equal values get more digits, so that no two ticks have the same text.
  const areTold = new Set(texts).size === texts.length;
  return {
    label: isLog ? `${label} (log)` : label,
    place,
    ticks: shown.map((value, at) => ({ text: areTold ? texts[at] : String(value), at: place(value) })),
  };
}

function listAxis(label: string, values: readonly SweptValue[]): Axis {
  const known = [...new Set(values)];
  const place = (value: SweptValue): number => share(known.indexOf(value), 0, known.length - 1);
  return { label, place, ticks: known.map((value) => ({ text: String(value), at: place(value) })) };
}

/** Small numbers as powers of ten, which are shorter. */
const numberText = (value: number): string =>
  value !== 0 && Math.abs(value) < MIN_PLAIN ? value.toExponential() : String(value);

const yOf = (at: number): string => (BOTTOM - at * (BOTTOM - TOP)).toFixed(1);

/** A line is the best, or one that was out before its last step, or another. */
export type LineKind = 'best' | 'out' | 'other';

/** What is drawn, in coordinates of a box of `width` × `height`. */
export interface SweepPicture {
  readonly width: number;
  readonly height: number;
  /** From the top to the bottom of each axis. */
  readonly top: number;
  readonly bottom: number;
  /** In words, for those who do not see it. */
  readonly shown: string;
  readonly axes: readonly {
    readonly label: string;
    readonly x: number;
    readonly ticks: readonly { readonly text: string; readonly x: number; readonly y: string }[];
  }[];
  /** The best one is last, to be drawn over the others. */
  readonly lines: readonly {
    /** The number of the recipe, from 0. */
    readonly recipe: number;
    readonly kind: LineKind;
    readonly points: string;
    readonly title: string;
  }[];
}

/** Undefined if there is nothing to draw: no varied setting, or no loss. */
export function pictureOf(sweep: SweepState, called = byName): SweepPicture | undefined {
  const recipes = recipesOf(sweep).filter(({ validation }) => validation !== undefined);
  if (sweep.varied.length === 0 || recipes.length === 0) return undefined;
  const axes = sweep.varied.map((name) => {
    const values = recipes.map(({ settings }) => settings[name]);
    return values.every((value) => typeof value === 'number')
      ? numberAxis(called(name), values, numberText)
      : listAxis(called(name), values);
  });
  // Losses are often near each other: only the ends are written.
  const losses = recipes.map(({ validation }) => validation ?? NaN);
  const loss = numberAxis('validation loss', losses, threeDigits, 2);
  const all = [...axes, loss];
  const xOf = (at: number): number => SIDE + at * BETWEEN;
  const lines = recipes.map((recipe, rank) => {
    const values = [...sweep.varied.map((name) => recipe.settings[name]), recipe.validation ?? NaN];
    const isOut = recipe.runs.some(({ status }) => status === 'out');
    const kind: LineKind = rank === 0 ? 'best' : isOut ? 'out' : 'other';
    return {
      ...{ recipe: recipe.at, kind },
      points: values.map((value, at) => `${xOf(at)},${yOf(all[at].place(value))}`).join(' '),
      title: `${pointInWords(recipe.settings, called)}: ${threeDigits(recipe.validation ?? NaN)}`,
    };
  });
  return {
    ...{ width: xOf(all.length - 1) + SIDE, height: HEIGHT, top: TOP, bottom: BOTTOM },
    shown: `Parallel coordinates of ${recipes.length} recipes: ${all.map(({ label }) => label).join(', ')}`,
    axes: all.map(({ label, ticks }, at) => ({
      ...{ label, x: xOf(at) },
      ticks: ticks.map(({ text, at: place }) => ({ text, x: xOf(at) - GAP, y: yOf(place) })),
    })),
    lines: lines.reverse(),
  };
}

/** The picture as HTML; undefined if there is nothing to draw. */
export function parallelCoordinates(sweep: SweepState): Html | undefined {
  const picture = pictureOf(sweep);
  if (!picture) return undefined;
  const { width, height, top, bottom, shown, axes, lines } = picture;
  const size = `min-width: ${width}px; max-width: ${Math.round(LARGEST * width)}px`;
  // Numbers lie over the lines, so that they can be read.
  return html`<div class="wide" role="region" aria-label="Picture of the recipes" tabindex="0">
    <svg role="img" aria-label="${shown}" viewBox="0 0 ${width} ${height}" style="${size}">
      ${axes.map(
        ({ label, x }) =>
          html`<text class="axis" x="${x}" y="22">${label}</text
            ><line x1="${x}" x2="${x}" y1="${top}" y2="${bottom}" />`,
      )}${lines.map(
        ({ kind, points, title }) =>
          html`<polyline class="${kind}" points="${points}"><title>${title}</title></polyline>`,
      )}${axes.map(({ ticks }) =>
        ticks.map(({ text, x, y }) => html`<text class="tick" x="${x}" y="${y}">${text}</text>`),
      )}
    </svg>
  </div>`;
}

export const PICTURE_STYLE = [
  'svg { display: block; width: 100%; height: auto; }',
  'svg line { stroke: var(--pale); stroke-width: 1; }',
  'svg text { fill: var(--soft); font: 12px system-ui, sans-serif; dominant-baseline: middle; }',
  'svg .axis { text-anchor: middle; font-weight: 600; fill: var(--ink); }',
  'svg .tick { text-anchor: end; paint-order: stroke; stroke: var(--paper); stroke-width: 8px; stroke-linejoin: round; }',
  'polyline { fill: none; stroke: var(--base); stroke-width: 1.5; stroke-opacity: 0.75; }',
  'polyline.out { stroke-dasharray: 5 4; stroke-opacity: 0.5; }',
  'polyline.best { stroke: var(--tuned); stroke-width: 3.5; stroke-opacity: 1; }',
].join('\n');
