/** The loss curve on uPlot. This file is loaded with the first curve, and uPlot with it. */
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { StepPoint } from '../../worker/api.ts';
import type { EvalPoint } from '../state/run.svelte.ts';
import { smooth } from './smooth.ts';

export interface Ghost {
  readonly name: string;
  readonly points: readonly StepPoint[];
}

export interface Curves {
  readonly steps: number;
  readonly points: readonly StepPoint[];
  readonly evals: readonly EvalPoint[];
  readonly ghosts: readonly Ghost[];
}

export interface Chart {
  draw(curves: Curves): void;
  /** Puts the cursor on a step, or away. */
  point(step: number | undefined): void;
  /** The curve on the page's ground, with its title. */
  picture(title: string): Promise<Blob>;
  destroy(): void;
}

const HEADROOM = 0.06;
/** The least height of the plot, as a part of its largest loss. */
const FLAT = 0.25;

/** Canvas knows no custom properties: an element resolves them, in the theme that holds now. */
function palette(host: HTMLElement): (name: string) => string {
  const probe = document.createElement('span');
  host.append(probe);
  const cache = new Map<string, string>();
  const read = (name: string): string => {
    let colour = cache.get(name);
    if (colour === undefined) {
      probe.style.color = `var(--${name})`;
      colour = getComputedStyle(probe).color;
      cache.set(name, colour);
    }
    return colour;
  };
  const theme = matchMedia('(prefers-color-scheme: dark)');
  theme.addEventListener('change', () => cache.clear());
  return read;
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
    points.map(({ loss }) => loss),
    steps,
  );
  return [
    x,
    column(points.map(({ step, loss }) => [step, loss])),
    column(points.map(({ step }, i) => [step, smoothed[i]])),
    column(evals.map(({ step, loss }) => [step, loss])),
    ...ghosts.map((ghost) => {
      const line = smooth(
        ghost.points.map(({ loss }) => loss),
        ghost.points.at(-1)?.steps ?? 1,
      );
      return column(ghost.points.map(({ step }, i) => [step, line[i]]));
    }),
  ];
}

export function makeChart(host: HTMLElement, onPoint: (step: number | undefined) => void): Chart {
  const colour = palette(host);
  const theme = matchMedia('(prefers-color-scheme: dark)');
  const font = `12px ${getComputedStyle(host).fontFamily}`;
  let plot: uPlot | undefined;
  let ghostCount = -1;
  let last: Curves | undefined;

  const axis = (side: 2 | 3): uPlot.Axis => ({
    side,
    font,
    size: side === 2 ? 30 : 44,
    gap: 8,
    space: side === 2 ? 76 : 52,
    stroke: () => colour('ink-pale'),
    grid: side === 2 ? { show: false } : { stroke: () => colour('rule'), width: 1 },
    ticks: { show: false },
    // A step is whole.
    ...(side === 2 ? { incrs: [1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 5000, 10_000] } : {}),
  });

  const size = (): { width: number; height: number } => ({
    width: Math.max(200, host.clientWidth),
    height: Math.max(160, host.clientHeight),
  });

  function build(ghosts: readonly Ghost[]): uPlot {
    const ghost = (): uPlot.Series => ({
      stroke: () => colour('ink-mark'),
      width: 1.5,
      points: { show: false },
    });
    return new uPlot(
      {
        ...size(),
        legend: { show: false },
        padding: [12, 12, 0, 0],
        cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
        scales: {
          x: { time: false, range: (_, min, max) => [min, Math.max(max, min + 1)] },
          y: {
            range: (_, min, max) => {
              if (!Number.isFinite(min) || !Number.isFinite(max)) return [0, 1];
              // A line that hardly moves is not blown up to fill the plot.
              const height = Math.max(max - min, FLAT * max) || 1;
              return [Math.max(0, min - height * HEADROOM), max + height * HEADROOM];
            },
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

  function draw(curves: Curves): void {
    last = curves;
    if (!plot || ghostCount !== curves.ghosts.length) {
      plot?.destroy();
      plot = build(curves.ghosts);
      ghostCount = curves.ghosts.length;
    }
    plot.setData(table(curves));
  }

  const redraw = (): void => plot?.redraw(false);
  theme.addEventListener('change', redraw);
  const resize = new ResizeObserver(() => plot?.setSize(size()));
  resize.observe(host);

  return {
    draw,
    point(step) {
      if (!plot) return;
      plot.setCursor(
        step === undefined ? { left: -10, top: -10 } : { left: plot.valToPos(step, 'x'), top: 10 },
        false,
      );
    },
    async picture(title) {
      if (!plot) throw new Error('The chart is not drawn yet.');
      const source = plot.ctx.canvas;
      const canvas = document.createElement('canvas');
      const scale = devicePixelRatio;
      const head = 64 * scale;
      canvas.width = source.width;
      canvas.height = source.height + head;
      const context = canvas.getContext('2d');
      if (!context) throw new Error('This browser gives no canvas.');
      context.fillStyle = colour('paper');
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.fillStyle = colour('ink');
      context.font = `600 ${15 * scale}px ${getComputedStyle(host).fontFamily}`;
      context.fillText(title, 16 * scale, 26 * scale);
      context.fillStyle = colour('ink-pale');
      context.font = `${12 * scale}px ${getComputedStyle(host).fontFamily}`;
      const drawn = ['loss in nats per supervised token: train (pale), smoothed (bold)'];
      if (last && last.evals.length > 0) drawn.push('validation (rings)');
      if (last && last.ghosts.length > 0)
        drawn.push(`${last.ghosts.map(({ name }) => name).join(', ')} (grey)`);
      context.fillText(drawn.join(', '), 16 * scale, 46 * scale);
      context.drawImage(source, 0, head);
      return new Promise((resolve, reject) =>
        canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('No picture came out.')))),
      );
    },
    destroy() {
      theme.removeEventListener('change', redraw);
      resize.disconnect();
      plot?.destroy();
    },
  };
}
