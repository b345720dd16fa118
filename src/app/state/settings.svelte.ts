/** The settings of the next run. */
import type { DataOptions, RunOptions } from '../../worker/api.ts';
import type { ShownSample } from '../start/samples.svelte.ts';
import { findFaults, PRESETS, presetOptions, suggest, type Fault, type Preset } from '../train/settings.ts';
import type { Data } from './data.svelte.ts';
import type { Session } from './session.svelte.ts';

const START: RunOptions = {
  name: 'Run 1',
  steps: 60,
  batch: 8,
  accumulate: 1,
  maxLength: 512,
  lr: 1e-3,
  schedule: 'cosine',
  warmup: 5,
  weightDecay: 0,
  clip: 1,
  rank: 8,
  alpha: 16,
  dropout: 0,
  rsLora: false,
  targets: [],
  rateRatio: 1,
  seed: 42,
  packing: false,
  checkpointing: false,
  evalEvery: 0,
  patience: 0,
  sampleEvery: 0,
  samplePrompt: '',
};

export class Settings {
  options = $state.raw<RunOptions>(START);
  readonly #session: Session;
  readonly #data: Data;
  /** Which rows they were suited to. */
  #rows = '';

  constructor(session: Session, data: Data) {
    this.#session = session;
    this.#data = data;
  }

  faults: readonly Fault[] = $derived.by(() =>
    findFaults(this.options, this.#session.model, this.#data.summary),
  );

  /** The preset that the form still equals. */
  preset: Preset | undefined = $derived.by(() =>
    PRESETS.find((preset) => JSON.stringify(this.#preset(preset)) === JSON.stringify(this.options)),
  );

  set<K extends keyof RunOptions>(key: K, value: RunOptions[K]): void {
    this.options = { ...this.options, [key]: value };
  }

  choose(preset: Preset): void {
    this.options = this.#preset(preset);
  }

  /** Cuts or splits the open rows otherwise: a preset that was chosen follows them. @returns whether they could be read so */
  async changeRows(options: DataOptions): Promise<boolean> {
    const { preset } = this;
    if (!(await this.#data.change(options))) return false;
    this.set('maxLength', options.maxLength);
    if (preset) this.choose(preset);
    return true;
  }

  /** For data that was just opened: what suits it, on every layer of the model. */
  suit(name: string, sample?: ShownSample): void {
    const { version, options, summary } = this.#data;
    const rows = JSON.stringify([version, options.mapping]);
    // Of the same rows, as another model reads them, the prompt stays that a person wrote.
    const prompt =
      rows === this.#rows ? this.options.samplePrompt : (sample?.question ?? summary?.prompt ?? '');
    this.#rows = rows;
    this.options = {
      ...START,
      name,
      samplePrompt: prompt,
      targets: this.#session.model?.targets ?? [],
      maxLength: options.maxLength,
    };
    this.choose('balanced');
  }

  /** The settings as a project keeps them: what is not of the form's own kind is left as it would be at the start. */
  load(kept: unknown): void {
    this.#rows = '';
    const values = typeof kept === 'object' && kept !== null ? (kept as Record<string, unknown>) : {};
    const fits = Object.entries(START).filter(([key, start]) => {
      const value = values[key];
      return Array.isArray(start)
        ? Array.isArray(value) && value.every((item) => typeof item === 'string')
        : typeof value === typeof start;
    });
    this.options = { ...START, ...Object.fromEntries(fits.map(([key]) => [key, values[key]])) };
  }

  #preset(preset: Preset): RunOptions {
    const suggestion = this.#data.source?.sample?.settings ?? suggest(this.#session.model);
    const rows = this.#data.summary?.rows;
    const options = presetOptions(preset, suggestion, rows?.train ?? 0, {
      ...this.options,
      maxLength: this.#data.options.maxLength,
    });
    return {
      ...options,
      evalEvery: rows && rows.validation === 0 ? 0 : options.evalEvery,
      patience: rows && rows.validation === 0 ? 0 : options.patience,
      sampleEvery: options.samplePrompt.trim() === '' ? 0 : options.sampleEvery,
    };
  }
}
