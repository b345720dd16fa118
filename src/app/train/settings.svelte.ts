/** The settings of the next run. */
import { suggest } from '../../settings/defaults.ts';
import { readRecipe } from '../../settings/recipe.ts';
import type { AdapterInfo, DataOptions, FormSpec } from '../../worker/api.ts';
import type { ShownSample } from '../start/samples.svelte.ts';
import {
  settingsKey,
  readOptions,
  readSettingsKey,
  readKeyedSettings,
  settingsAt,
  START,
  addKeptSettings,
  type SettingsKey,
  type KeyedSettings,
} from './kept-settings.ts';
import { dataOptionsFrom, leftOutOf, optionsFrom, recipeStarts } from './recipe.ts';
import { PRESETS, type Preset } from '../../settings/presets.ts';
import type { MethodChoice } from './tuning-methods.ts';
import {
  faultsOfSettings,
  presetOptions,
  suitableObjective,
  withChoice,
  withObjective,
  withStart,
  type Fault,
} from './settings.ts';
import type { Data } from '../data/data.svelte.ts';
import type { SessionState } from '../state/session.svelte.ts';

export class SettingsState {
  options = $state.raw<FormSpec>(START);
  readonly #session: SessionState;
  readonly #data: Data;
  /** The rows and the model that the settings belong to; undefined before rows are open, and for settings that were kept without them. */
  #place = $state.raw<SettingsKey>();
  /** The settings of other rows and models of this project. */
  #others = $state.raw<readonly KeyedSettings[]>([]);

  constructor(session: SessionState, data: Data) {
    this.#session = session;
    this.#data = data;
  }

  faults: readonly Fault[] = $derived.by(() =>
    faultsOfSettings(this.options, this.#session.model, this.#data.summary),
  );

  /** The preset that the form still equals. On few rows several are the same: then it is the usual one. */
  preset: Preset | undefined = $derived.by(() => {
    const now = JSON.stringify(this.options);
    const equal = PRESETS.filter((preset) => JSON.stringify(this.optionsOf(preset)) === now);
    return equal.includes('balanced') ? 'balanced' : equal.at(0);
  });

  /** What happened to the learning rate when another optimiser was chosen; '' before. */
  rateSaid = $state('');

  set<K extends keyof FormSpec>(key: K, value: FormSpec[K]): void {
    const before = this.options;
    const preset = PRESETS.find((one) => this.optionsOf(one).lr === before.lr);
    this.options = key === 'objective' ? withObjective(String(value), before) : { ...before, [key]: value };
    if (key === 'optimiser' || key === 'objective') this.#followChoice(key, preset);
    else if (key === 'lr') this.rateSaid = '';
  }

  /** The rate of one optimiser or objective does not suit another. One that a person has set stays. @param preset whose rate it was */
  #followChoice(what: string, preset: Preset | undefined): void {
    const own = this.optionsOf(preset ?? 'balanced').lr;
    const { lr } = this.options;
    if (preset) this.options = { ...this.options, lr: own };
    this.rateSaid =
      lr === own
        ? ''
        : preset
          ? `The learning rate follows: ${own} instead of ${lr}.`
          : `Your learning rate of ${lr} stays. ${own} suits this ${what}.`;
  }

  choose(preset: Preset): void {
    this.rateSaid = '';
    this.options = this.optionsOf(preset);
  }

  /** Reads the open rows with other options: a chosen preset follows them. @returns whether they could be read */
  changeRows(options: DataOptions): Promise<boolean> {
    return this.keepThrough(() => this.#data.change(options, { keepsTest: true }));
  }

  /** Changes the open rows and keeps their settings. @param change resolves to whether it worked */
  async keepThrough(change: () => Promise<boolean>): Promise<boolean> {
    const { preset, options: before } = this;
    if (!(await change())) return false;
    // Settings that a person changed while the rows were read stay.
    const changed = Object.entries(this.options).filter(
      ([key, value]) => value !== before[key as keyof FormSpec],
    );
    const { version, options } = this.#data;
    if (this.#place) this.#place = settingsKey(version, options.mapping, this.#session.model?.content);
    this.set('maxLength', options.maxLength);
    if (!preset) return true;
    this.choose(preset);
    this.options = { ...this.options, ...Object.fromEntries(changed), maxLength: options.maxLength };
    return true;
  }

  /**
   * Rows were opened: their own settings come back as they were left. Rows that are new to this project, or to this model, start with what
   * suits them.
   *
   * @param name of the next run on rows that are new
   */
  follow(name: string, sample?: ShownSample): void {
    const { version, options } = this.#data;
    const place = settingsKey(version, options.mapping, this.#session.model?.content);
    const before = this.#place;
    this.#place = place;
    // Settings that were kept without a place belong to the rows that are opened first.
    if (!before && this.options.targets.length > 0) return;
    const isSame = before?.rows === place.rows && before.model === place.model;
    if (before && !isSame) this.#others = addKeptSettings(this.#others, before, this.options);
    const kept = isSame ? this.options : settingsAt(this.#others, place);
    if (kept) {
      this.options = { ...kept, maxLength: options.maxLength };
      return;
    }
    // Another model reads the same rows: the prompt that a person wrote stays.
    const prompt = before?.rows === place.rows ? this.options.samplePrompt : undefined;
    this.suit(name, sample, prompt);
  }

  /** Takes settings that suit the open rows, on every layer of the model. */
  suit(name: string, sample?: ShownSample, prompt?: string): void {
    const { options, summary } = this.#data;
    this.options = {
      ...START,
      name,
      samplePrompt: prompt ?? sample?.question ?? summary?.prompt ?? '',
      targets: this.#session.model?.targets ?? [],
      maxLength: options.maxLength,
      ...(sample?.settings.forgetting && { forgetting: true }),
    };
    if (summary) this.options = withObjective(suitableObjective(summary), this.options);
    if (sample?.settings.objective !== undefined) {
      const { steps: _, ...own } = sample.settings;
      this.options = { ...withObjective(sample.settings.objective, this.options), ...own };
    }
    this.choose('balanced');
  }

  /**
   * Takes the settings of a recipe, and reads the open rows as it says.
   *
   * @param adapters of the library, one of which the recipe may start from
   * @returns what the person still has to decide, in sentences
   * @throws GraftError `recipe`, `json-…`, `arguments`
   */
  async takeRecipe(text: string, name: string, adapters: readonly AdapterInfo[]): Promise<string> {
    const recipe = readRecipe(text, name);
    const model = this.#session.model;
    const rows = dataOptionsFrom(recipe, this.#data.options);
    const starts = recipeStarts(
      recipe,
      adapters.filter(({ baseModel }) => baseModel === model?.name),
    );
    const take = (): FormSpec => {
      const options = optionsFrom(recipe, this.options, {
        targets: model?.targets ?? [],
        trainRows: this.#data.summary?.rows.train ?? 0,
        parameters: model?.parameters,
      });
      return starts.length === 1 ? withStart(options, starts[0]) : options;
    };
    // Refused before the rows are read anew.
    take();
    if (rows !== this.#data.options && this.#data.summary && !(await this.changeRows(rows)))
      return 'The rows could not be read as the recipe says, so nothing was changed.';
    this.options = { ...take(), maxLength: this.#data.options.maxLength };
    return leftOutOf(recipe, starts);
  }

  /** Settings that a project stores besides the options of the form. */
  get places(): { readonly open?: SettingsKey; readonly others: readonly KeyedSettings[] } {
    return { ...(this.#place && { open: this.#place }), others: this.#others };
  }

  /** @param places as the project has them: validated here, like the options */
  load(kept: unknown, places?: unknown): void {
    const { open, others } = (places ?? {}) as { open?: unknown; others?: unknown };
    this.rateSaid = '';
    this.#place = readSettingsKey(open);
    this.#others = readKeyedSettings(others);
    this.options = readOptions(kept);
  }

  /**
   * A run with a method's defaults on the open rows: what it trains and learns from, with the usual settings of both and the balanced preset.
   * Its name and its prompt stay.
   *
   * @param start the adapter that it continues from, which has a kind and a shape
   */
  defaultsOf(choice: MethodChoice, start?: AdapterInfo): FormSpec {
    const { name, samplePrompt, forgetting } = this.options;
    const fresh: FormSpec = {
      ...{ ...START, name, samplePrompt },
      ...(forgetting !== undefined && { forgetting }),
      targets: this.#session.model?.targets ?? [],
    };
    const learning = withChoice(choice, fresh, start);
    const own = this.#data.source?.sample?.settings;
    const { steps: _, ...sampled } = own ?? {};
    const isOwn = own?.objective !== undefined && own.objective === choice.objective;
    return this.optionsOf('balanced', isOwn ? { ...learning, ...sampled } : learning);
  }

  /** Takes a method's defaults. */
  adopt(choice: MethodChoice, start?: AdapterInfo): void {
    this.rateSaid = '';
    this.options = this.defaultsOf(choice, start);
  }

  /** The settings with a preset chosen: its length, rate and rank, and the rest as it is. */
  optionsOf(preset: Preset, before = this.options): FormSpec {
    const suggestion = this.#data.source?.sample?.settings ?? suggest(this.#session.model ?? {});
    const rows = this.#data.summary?.rows;
    const options = presetOptions(preset, suggestion, rows?.train ?? 0, {
      ...before,
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
