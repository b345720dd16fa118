/** What the next measurement asks: which adapters, how they answer, and what scores the answers. */
import { chosenIn } from '../../evaluate/columns.ts';
import { accuracy } from '../../scorers/accuracy.ts';
import { macroF1 } from '../../scorers/macro-f1.ts';
import { nameOfChoice } from '../../scorers/chosen.ts';
import type { RewardSpec } from '../../scorers/scorer-spec.ts';
import { scorersOfCard } from '../../evaluate/success.ts';
import type { AdapterRef, ChoiceSource, Evaluation, ScorerChoice } from '../../worker/api.ts';
import type { AdapterKey } from '../use/adapters.svelte.ts';
import type { Studio } from '../state/studio.svelte.ts';
import { metricOf } from '../task/card.ts';
import { otherSeeds } from './other-seeds.ts';

/** A choice of a person, and the project or file that it was made for. */
interface ChosenFor<Value> {
  readonly of: string | undefined;
  readonly value: Value;
}

export class Asked {
  alsoChosen = $state<AdapterKey>('');
  withSeeds = $state(true);
  #chosen = $state<AdapterKey>();
  #rewards = $state.raw<ChosenFor<readonly RewardSpec[]>>();
  #metrics = $state.raw<ChosenFor<readonly ScorerChoice[]>>();
  #choices = $state.raw<ChosenFor<ChoiceSource | undefined>>();

  /** @param of the studio of the screen */
  constructor(private readonly of: () => Studio) {}

  get #result(): Evaluation | undefined {
    return this.of().evaluation.result;
  }

  /** The adapter that was measured, while it is in the library. */
  get before(): AdapterKey | undefined {
    return keptAdapter(this.of(), this.#result);
  }

  get adapter(): AdapterKey {
    const { run, inUse } = this.of();
    // An adapter that was trained since the page was loaded is the one to measure.
    return this.#chosen ?? (run.isLoaded ? undefined : this.before) ?? inUse.key;
  }

  set adapter(key: AdapterKey) {
    this.#chosen = key;
  }

  get also(): AdapterKey {
    return this.alsoChosen === this.adapter ? '' : this.alsoChosen;
  }

  /** Adapters whose runs differ in nothing but the seed. */
  get siblings(): readonly AdapterKey[] {
    const { adapters, runs } = this.of();
    return otherSeeds(this.adapter, adapters.list, runs.all).filter((id) => id !== this.also);
  }

  get adapters(): readonly AdapterKey[] {
    const { adapter, also, siblings, withSeeds } = this;
    return [adapter, ...(also === '' ? [] : [also]), ...(withSeeds ? siblings : [])];
  }

  /** Those of the kept measurement, until others are chosen in this project. */
  get rewards(): readonly RewardSpec[] {
    const { projects } = this.of();
    return this.#rewards?.of === projects.id && this.#rewards
      ? this.#rewards.value
      : (this.#result?.made.rewards ?? []);
  }

  set rewards(value: readonly RewardSpec[]) {
    this.#rewards = { of: this.of().projects.id, value };
  }

  /** The file or the project whose table is shown. */
  get #shownOf(): string | undefined {
    const { evaluation, projects } = this.of();
    return evaluation.opened?.name ?? projects.id;
  }

  /** The metrics that are added to the usual ones: those of the kept measurement, until others are chosen. */
  get metrics(): readonly ScorerChoice[] {
    if (this.#metrics?.of === this.#shownOf && this.#metrics) return this.#metrics.value;
    return this.#result ? chosenIn(this.#result) : [];
  }

  set metrics(value: readonly ScorerChoice[]) {
    this.#metrics = { of: this.#shownOf, value };
    void this.of().evaluation.addScorers(value);
  }

  /** What answers are chosen from, as in the kept measurement, until a person chooses; undefined if they are written. */
  get choices(): ChoiceSource | undefined {
    const { projects, evaluation, data } = this.of();
    const wanted =
      this.#choices?.of === projects.id && this.#choices
        ? this.#choices.value
        : sourceOf(evaluation.own?.made.choices);
    // Other rows may have been opened since.
    const isThere =
      wanted?.column === undefined
        ? data.summary?.labels !== undefined
        : data.summary?.columns.includes(wanted.column);
    return isThere ? wanted : undefined;
  }

  set choices(value: ChoiceSource | undefined) {
    this.#choices = { of: this.of().projects.id, value };
  }

  /** All metrics in addition to the usual ones. Labels that are chosen are counted as labels. */
  get scorers(): readonly ScorerChoice[] {
    const { choices } = this;
    const all = [
      ...this.metrics,
      ...scorersOfCard(metricOf(this.of().task)),
      ...(choices ? [accuracy.name] : []),
      ...(choices?.from === 'labels' ? [macroF1.name] : []),
    ];
    const names = all.map(nameOfChoice);
    return all.filter((_, at) => names.indexOf(names[at]) === at);
  }

  /** The first adapter of the table, by its id. A run that was measured may be gone after a reload. */
  get measuredKey(): AdapterKey {
    return measuredKeyOf(this.of(), this.#result);
  }
}

const sourceOf = (made: ChoiceSource | undefined): ChoiceSource | undefined =>
  made && { from: made.from, ...(made.column !== undefined && { column: made.column }) };

const firstAdapter = (record: Evaluation | undefined): AdapterRef | undefined =>
  record?.subjects.find((subject) => subject.adapter)?.adapter;

function keptAdapter({ adapters }: Studio, record: Evaluation | undefined): AdapterKey | undefined {
  const of = firstAdapter(record);
  return of && 'id' in of && adapters.list.some(({ id }) => id === of.id) ? of.id : undefined;
}

/** The first adapter of a record as the worker names it: that of the library, or the run's. */
export const measuredKeyOf = (studio: Studio, record: Evaluation | undefined): AdapterKey =>
  keptAdapter(studio, record) ?? (studio.run.hasAdapter ? 'current' : 'base');
