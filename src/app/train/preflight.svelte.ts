/** What is found in the open rows before a run: checked again when the rows, how they are read and divided, or the model change. */
import { untrack } from 'svelte';
import type { DataSummary, Failure, ModelInfo, PlacedFinding, Progress } from '../../worker/api.ts';
import { byGravity } from '../../data/findings/gravity.ts';
import { answersOf } from './answers.svelte.ts';
import { labelCheckOf } from '../data/label-check.svelte.ts';
import { ofProject } from '../state/of-studio.svelte.ts';
import type { Studio } from '../state/studio.svelte.ts';

/** The list and the row in view come first. */
const SETTLE_MS = 250;

/** What a check was made of. */
interface Inputs {
  readonly summary: DataSummary;
  /** Names the files of the rows. */
  readonly version: string | undefined;
  readonly model: ModelInfo | undefined;
}

interface Checked extends Inputs {
  readonly findings: readonly PlacedFinding[];
  readonly withModel: boolean;
}

class Preflight {
  /** How far a check is; undefined while none is under way. */
  progress = $state.raw<Progress>();
  failure = $state.raw<Failure>();
  /** Whether a person ended the check of these rows. */
  stopped = $state(false);
  /** Whether a link led to the list, which is then brought into view. */
  wanted = $state(false);
  #checked = $state.raw<Checked>();
  #inputs: Inputs | undefined;
  #asked = 0;
  #request: AbortController | undefined;
  readonly #studio: Studio;

  constructor(studio: Studio) {
    this.#studio = studio;
  }

  /** The findings of the open rows, the gravest first; undefined until they are checked. Until rows that are read in another way are, those before stay. */
  get findings(): readonly PlacedFinding[] | undefined {
    const checked = this.#checked;
    const { summary, version } = this.#studio.data;
    if (!checked || !summary || checked.version !== version) return undefined;
    const { finding } = answersOf(this.#studio);
    const doubted = labelCheckOf(this.#studio).measured?.finding;
    const apart = [finding, doubted].filter((one) => one !== undefined);
    return apart.length > 0 ? [...checked.findings, ...apart].sort(byGravity) : checked.findings;
  }

  /** Whether these are of the rows as they are read now. */
  get current(): boolean {
    return this.#checked !== undefined && this.#checked.summary === this.#studio.data.summary;
  }

  /** Whether the check had a model, whose tokens it looks at. */
  get withModel(): boolean {
    return this.#checked?.withModel === true;
  }

  /** Findings of which each would waste the run. Answers that the model cannot write are named by themselves. */
  get wasted(): readonly PlacedFinding[] {
    const found = this.current ? (this.findings ?? []) : [];
    return found.filter(({ id, severity }) => severity === 'error' && id !== 'unwritable-characters');
  }

  /** Checks the open rows unless that is done, or under way. A check that is under way for other rows is given up; while a run trains nothing is checked. */
  ask(): void {
    const { data, session, run } = this.#studio;
    const { summary, version } = data;
    const { model } = session;
    if (!summary || data.reading !== '' || run.active) {
      if (this.#inputs && this.#checked?.summary !== this.#inputs.summary) this.#giveUp();
      return;
    }
    if (this.#inputs?.summary === summary && this.#inputs.model === model) return;
    this.#giveUp();
    const inputs = { summary, version, model };
    this.#inputs = inputs;
    this.stopped = false;
    this.failure = undefined;
    const asked = this.#asked;
    setTimeout(() => void this.#check(inputs, asked), SETTLE_MS);
  }

  /** Ends the check; {@link again} starts it again. */
  stop(): void {
    this.#asked++;
    this.progress = undefined;
    this.stopped = true;
    this.#request?.abort();
  }

  again(): void {
    this.#inputs = undefined;
    this.ask();
  }

  end(): void {
    this.#giveUp();
  }

  #giveUp(): void {
    this.#asked++;
    this.#inputs = undefined;
    this.#request?.abort();
    this.progress = undefined;
  }

  async #check(inputs: Inputs, asked: number): Promise<void> {
    const isCurrent = (): boolean => asked === this.#asked;
    if (!isCurrent()) return;
    this.progress = { what: 'checking', done: 0, total: 0 };
    const { signal } = (this.#request = new AbortController());
    const outcome = await this.#studio.session.worker.checkData((progress) => {
      if (isCurrent()) this.progress = progress;
    }, signal);
    if (!isCurrent()) return;
    this.progress = undefined;
    if (outcome.ok) this.#checked = { ...inputs, findings: outcome.findings, withModel: outcome.withModel };
    else this.failure = outcome;
  }
}

export const preflightOf = ofProject((studio) => new Preflight(studio));

/** Keeps the check of the open rows up to date for as long as a component is there. */
export function followPreflight(studio: Studio): Preflight {
  const preflight = preflightOf(studio);
  $effect(() => {
    void studio.data.summary;
    void studio.data.reading;
    void studio.session.model;
    void studio.run.active;
    untrack(() => preflight.ask());
  });
  return preflight;
}
