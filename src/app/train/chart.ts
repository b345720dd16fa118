/** The loss curve on uPlot. This file is loaded with the first curve, and uPlot with it. */
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { StepPoint, EvalPoint } from '../../worker/api.ts';
import { threeDigits } from '../../numbers.ts';
import { heightOf, logTicks, axisRange, type LossAxis } from './axis.ts';
import { DASHES, type Ghost } from './ghosts.ts';
import { AXIS, AXIS_NAME, PADDING, settingsPlaceKey, type KeyPlace, type Size } from './key.ts';
import { onThemeChange } from '../ui/theme-changes.ts';
import { chartPicture } from './picture.ts';
import { smooth } from '../../smooth.ts';

export interface Curves {
  readonly steps: number;
  readonly points: readonly StepPoint[];
  readonly evals: readonly EvalPoint[];
  /** The validation loss before the first step. */
  readonly base: number | undefined;
  /** What that is the loss of. */
  readonly baseName: string;
  readonly ghosts: readonly Ghost[];
  /** Linear or logarithmic. */
  readonly axis: LossAxis;
}

export interface Chart {
  /** @returns where the key covers nothing */
  draw(curves: Curves, key: Size): KeyPlace;
  /** Puts the cursor on a step, or away. */
  point(step: number | undefined): void;
  /** The curve on the page's ground, with its title. */
  picture(title: string): Promise<Blob>;
  destroy(): void;
}

const STEP_INCREMENTS = [1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 5000, 10_000];

/** Canvas knows no custom properties: an element resolves them, in the theme that holds now. */
function palette(host: HTMLElement): (name: string) => string {
  const probe = document.createElement('span');
  host.append(probe);
  const cache = new Map<string, string>();
  onThemeChange(() => cache.clear());
  return (name) => {
    let colour = cache.get(name);
    if (colour === undefined) {
      probe.style.color = `var(--${name})`;
      colour = getComputedStyle(probe).color;
      cache.set(name, colour);
    }
    return colour;
  };
}

function table({ steps, points, evals, ghosts }: Curves): uPlot.AlignedData {
  const length = Math.max(
    steps,
    points.at(-1)?.step ?? 0,
    ...ghosts.map((ghost) => ghost.points.at(-1)?.step ?? 0),
  );
  const x = Array.from({ length: length + 1 }, (_, step) => step);
  const column = (entries: readonly (readonly [number, number])[]): (number | null)[] => {
    const values = new Array<number | null>(length + 1).fill(null);
    for (const [step, value] of entries) if (step <= length) values[step] = value;
    return values;
  };
  const smoothed = smooth(
    points.map(({ loss: value }) => value),
    steps,
  );
  return [
    x,
    column(points.map(({ step, loss: value }) => [step, value])),
    column(points.map(({ step }, i) => [step, smoothed[i]])),
    column(evals.map(({ step, loss: value }) => [step, value])),
    ...ghosts.map((ghost) => {
      const line = smooth(
        ghost.points.map(({ loss: value }) => value),
        ghost.points.at(-1)?.steps ?? 1,
      );
      return column(ghost.points.map(({ step }, i) => [step, line[i]]));
    }),
  ];
}

export function makeChart(host: HTMLElement, onPoint: (step: number | undefined) => void): Chart {
  const colour = palette(host);
  const { fontFamily } = getComputedStyle(host);
  /** Follows the font size, which the projector mode makes larger. */
  const letters = (): number => parseFloat(getComputedStyle(host).fontSize);
  let builtFor = letters();
  let plot: uPlot | undefined;
  let ghostCount = -1;
  let builtAxis: LossAxis = 'linear';
  let last: Curves | undefined;

  const axis = (side: 2 | 3): uPlot.Axis => ({
    side,
    font: `${builtFor}px ${fontFamily}`,
    size: (side === 2 ? AXIS : 3.2) * builtFor,
    gap: 8,
    space: (side === 2 ? 6 : 4) * builtFor,
    stroke: () => colour('ink-pale'),
    grid: side === 2 ? { show: false } : { stroke: () => colour('rule'), width: 1 },
    ticks: { show: false },
    // uPlot's own ticks of a logarithmic axis are decades, and most runs stay within one or two.
    ...(side === 3 && builtAxis === 'log'
      ? {
          splits: (_: uPlot, __: number, min: number, max: number) => logTicks(min, max),
          filter: (_: uPlot, splits: number[]) => splits,
          values: (_: uPlot, splits: number[]) => splits.map((value) => String(value)),
        }
      : {}),
    // A step is whole.
    ...(side === 2
      ? {
          incrs: STEP_INCREMENTS,
          label: 'step',
          labelFont: `${builtFor}px ${fontFamily}`,
          labelSize: AXIS_NAME * builtFor,
          labelGap: 0,
        }
      : {}),
  });

  const size = (): Size => ({
    width: Math.max(200, host.clientWidth),
    height: Math.max(160, host.clientHeight),
  });

  /** A word next to the end of a line, or above it if there is no room; in canvas pixels. */
  function label({ ctx, bbox }: uPlot, text: string, x: number, y: number, ink: string): void {
    const gap = 6 * devicePixelRatio;
    ctx.font = `${builtFor * devicePixelRatio}px ${fontFamily}`;
    ctx.fillStyle = ink;
    const right = bbox.left + bbox.width;
    const beside = x + gap + ctx.measureText(text).width < right;
    ctx.textAlign = beside ? 'left' : 'right';
    ctx.textBaseline = beside ? 'middle' : 'alphabetic';
    ctx.fillText(text, beside ? x + gap : right, beside ? y : y - gap);
  }

  /** The loss of the base model, or of the adapter that it goes on from, across the chart, since tuning starts from it; and the names of the runs that are drawn over it. */
  function annotate(drawn: uPlot): void {
    if (!last) return;
    const { ctx, bbox } = drawn;
    ctx.save();
    if (last.base !== undefined) {
      const y = drawn.valToPos(last.base, 'y', true);
      ctx.strokeStyle = colour('base');
      ctx.lineWidth = 1.5 * devicePixelRatio;
      ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
      label(drawn, `${last.baseName} ${threeDigits(last.base)}`, bbox.left + bbox.width, y, colour('base'));
    }
    for (const [i, { name, points }] of last.ghosts.entries()) {
      const end = points.at(-1);
      const line = drawn.data[4 + i];
      const value = end && line[end.step];
      if (end && typeof value === 'number') {
        const [x, y] = [drawn.valToPos(end.step, 'x', true), drawn.valToPos(value, 'y', true)];
        label(drawn, name, x, y, colour('ink-soft'));
      }
    }
    ctx.restore();
  }

  function build(ghosts: readonly Ghost[]): uPlot {
    const ghost = (_: Ghost, i: number): uPlot.Series => ({
      stroke: () => colour('ink-mark'),
      width: 1.5,
      dash: [...DASHES[i % DASHES.length]],
      points: { show: false },
    });
    return new uPlot(
      {
        ...size(),
        legend: { show: false },
        padding: [PADDING.top, PADDING.right, 0, 0],
        cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
        scales: {
          x: { time: false, range: (_, min, max) => [min, Math.max(max, min + 1)] },
          y: {
            distr: builtAxis === 'log' ? 3 : 1,
            range: ({ data }) => axisRange(data.slice(1), last?.base, builtAxis),
          },
        },
        axes: [axis(2), axis(3)],
        series: [
          {},
          { stroke: () => colour('tuned-pale'), width: 1, points: { show: false } },
          {
            stroke: () => colour('tuned'),
            width: 2.5,
            // The pen: where the line is now.
            points: {
              show: true,
              size: 9,
              stroke: () => colour('tuned'),
              fill: () => colour('tuned'),
              filter: () => (last?.points.length ? [last.points[last.points.length - 1].step] : null),
            },
          },
          {
            stroke: () => colour('ink'),
            width: 0,
            paths: () => null,
            points: {
              show: true,
              size: 8,
              width: 2,
              stroke: () => colour('ink'),
              fill: () => colour('paper'),
            },
          },
          ...ghosts.map(ghost),
        ],
        hooks: {
          draw: [annotate],
          setCursor: [
            ({ cursor }) =>
              onPoint(cursor.left === undefined || cursor.left < 0 ? undefined : (cursor.idx ?? undefined)),
          ],
        },
      },
      [[]],
      host,
    );
  }

  function show(curves: Curves): uPlot.AlignedData {
    last = curves;
    if (!plot || ghostCount !== curves.ghosts.length || builtAxis !== curves.axis || builtFor !== letters()) {
      plot?.destroy();
      builtFor = letters();
      builtAxis = curves.axis;
      plot = build(curves.ghosts);
      ghostCount = curves.ghosts.length;
    }
    const data = table(curves);
    plot.setData(data);
    return data;
  }

  const redraw = (): void => plot?.redraw(false);
  const stopThemes = onThemeChange(redraw);
  const resize = new ResizeObserver(() => {
    if (last && builtFor !== letters()) show(last);
    else plot?.setSize(size());
  });
  resize.observe(host);

  return {
    draw(curves, key) {
      const [, ...lines] = show(curves);
      // From the data and not from the scales, which uPlot sets later.
      const { base, axis: of } = curves;
      const [min, max] = axisRange(lines, base, of);
      const high = (value: number): number => heightOf(value, of);
      return settingsPlaceKey({ size: size(), letters: builtFor, range: [min, max], lines, base, high }, key);
    },
    point(step) {
      if (!plot) return;
      plot.setCursor(
        step === undefined ? { left: -10, top: -10 } : { left: plot.valToPos(step, 'x'), top: 10 },
        false,
      );
    },
    async picture(title) {
      if (!plot || !last) throw new Error('The chart is not drawn yet.');
      const scale = last.axis === 'log' ? ', logarithmic axis' : '';
      const words = [`loss in nats per supervised token${scale}: train (pale), smoothed (bold)`];
      if (last.evals.length > 0) words.push('validation (rings)');
      return chartPicture(plot.ctx.canvas, { title, words: words.join(', '), colour, fontFamily });
    },
    destroy() {
      stopThemes();
      resize.disconnect();
      plot?.destroy();
    },
  };
}
