/** How long the next run would take, and each preset: asked again whenever a setting, the model or the rows change. */
import { device } from '../state/device.svelte.ts';
import type { FormSpec, RunTime, Shortening, SpeedSource } from '../../worker/api.ts';
import { PRESETS, type Preset } from '../../settings/presets.ts';
import { roughly } from '../ui/format.ts';
import { plural } from '../../numbers.ts';
import type { SessionState } from '../state/session.svelte.ts';

/** A number that is being typed needs no forecast. */
const SETTLE_MS = 250;
/** A run that takes longer than this is warned of, in seconds. */
export const LONG = 3600;

export class TimeForecast {
  run = $state.raw<RunTime>();
  presets = $state.raw<Partial<Record<Preset, RunTime>>>({});
  /** What would make a long run shorter. */
  ways = $state.raw<readonly Shortening[]>([]);
  /** Nothing was measured on this GPU yet. */
  unmeasured = $state(false);
  #asked = 0;
  readonly #session: SessionState;

  constructor(session: SessionState) {
    this.#session = session;
  }

  /** @returns a function that gives up */
  ask(options: FormSpec, presets: Readonly<Record<Preset, FormSpec>>): () => void {
    const asked = ++this.#asked;
    const timer = setTimeout(() => void this.#forecast(options, presets, asked), SETTLE_MS);
    return () => clearTimeout(timer);
  }

  /** Settings that cannot work have no forecast; the presets keep their times. */
  clear(): void {
    this.#asked++;
    this.run = undefined;
    this.ways = [];
  }

  async #forecast(
    options: FormSpec,
    presets: Readonly<Record<Preset, FormSpec>>,
    asked: number,
  ): Promise<void> {
    const { worker } = this.#session;
    const outcome = await worker.forecastRuns([options, ...PRESETS.map((preset) => presets[preset])]);
    if (asked !== this.#asked) return;
    const [run, ...times] = outcome.ok ? outcome.times : [];
    this.run = run;
    this.presets = Object.fromEntries(PRESETS.map((preset, at) => [preset, times.at(at)]));
    // A failure shows with the memory of the run, which needs the same model and rows.
    this.unmeasured = outcome.ok && !outcome.measured;
    const shorter = run && run.total > LONG ? await worker.shortenRun(options) : undefined;
    if (asked === this.#asked) this.ways = shorter?.ok ? shorter.ways : [];
  }
}

/** Where a forecast comes from. */
export function sourceWords(source: SpeedSource): string {
  if (source.kind === 'test')
    return `From a test of ${source.layers} layers of another model on ${device.this}: it may take half as long or twice.`;
  const steps = `From ${plural(source.steps, 'step')} of this model on ${device.this}`;
  return source.sameSize ? `${steps}.` : `${steps}, with more or fewer tokens at once.`;
}

/** What the time is spent on, if it is not steps alone. */
export function partWords({ steps, validations, answers }: RunTime): string {
  const parts = [
    [steps, 'steps'],
    [validations, 'validation'],
    [answers ?? 0, 'answers'],
  ] as const;
  const named = parts
    .filter(([seconds]) => seconds > 0)
    .map(([seconds, name]) => `${name} ${roughly(seconds)}`);
  return [...(named.length > 1 ? named : []), ...(answers === undefined ? ['answers not counted'] : [])].join(
    ', ',
  );
}

/** A change is worth a button if it saves at least this share of the time. */
const WORTH = 0.1;

/** Changes that help, and those that hardly do. */
export function sortWays(
  ways: readonly Shortening[],
  total: number,
): { readonly helpful: readonly Shortening[]; readonly vain: readonly Shortening[] } {
  const helps = (way: Shortening): boolean => way.total <= (1 - WORTH) * total;
  return { helpful: ways.filter(helps), vain: ways.filter((way) => !helps(way)) };
}
