/** The form of a metric with settings: what is written, what is wrong with it, and the metrics once it is among them. */
import { choiceProblem, nameOfSpec, withSettings } from '../../scorers/chosen.ts';
import type { ScorerSpec, ScorerValue } from '../../scorers/scorer-spec.ts';
import { isComparing, needsOf } from '../../scorers/scorer.ts';
import { specScorer } from '../../scorers/spec.ts';
import type { GraftWorker } from '../../worker/api.ts';

/** The field of the name of the column. */
export const OWN_NAME = 'as';

interface Fault {
  readonly field: string;
  readonly what: string;
}

/** The other metrics, as they are once the worker has answered, and whether rows are prompts without an answer. */
interface MetricContext {
  readonly specs: readonly ScorerSpec[];
  readonly isPrompts: boolean;
}

export class OwnMetricForm {
  /** What is written; undefined while the form is closed. */
  draft = $state.raw<ScorerSpec>();
  /** The name of the metric that is changed; undefined for a new one. */
  changed = $state<string>();
  fault = $state.raw<Fault>();
  /** Whether the worker tries its code. */
  busy = $state(false);
  readonly #check: GraftWorker['checkMetric'];

  /** @param check opens a metric, whose code may be none */
  constructor(check: GraftWorker['checkMetric']) {
    this.#check = check;
  }

  open(spec: ScorerSpec, changed?: string): void {
    this.draft = spec;
    this.changed = changed;
    this.fault = undefined;
    this.busy = false;
  }

  close(): void {
    this.draft = this.changed = this.fault = undefined;
    this.busy = false;
  }

  change(name: string, value: ScorerValue): void {
    if (this.draft) this.draft = { ...this.draft, [name]: value };
    this.fault = undefined;
  }

  /** Closes the form if nothing is wrong. @returns the metrics with this one; undefined for a fault, and if something else was written meanwhile */
  async keep(context: MetricContext): Promise<readonly ScorerSpec[] | undefined> {
    const { draft } = this;
    if (!draft || this.busy) return undefined;
    const { [OWN_NAME]: as = '', ...rest } = draft;
    const spec = { ...rest, ...(as.trim() !== '' && { as: as.trim() }) } as ScorerSpec;
    this.busy = true;
    const fault = await this.#faultOf(spec, context);
    if (this.draft !== draft) return undefined;
    this.busy = false;
    this.fault = fault;
    if (fault) return undefined;
    const { specs } = context;
    const at = specs.findIndex((one) => nameOfSpec(one) === this.changed);
    this.close();
    return at < 0 ? [...specs, spec] : specs.with(at, spec);
  }

  async #faultOf(spec: ScorerSpec, { specs, isPrompts }: MetricContext): Promise<Fault | undefined> {
    const label = specScorer(spec.name)?.label ?? spec.name;
    const what = choiceProblem(spec, label);
    if (what !== undefined) return { field: fieldOf(spec), what };
    const name = nameOfSpec(spec);
    if (specs.some((other) => nameOfSpec(other) === name && name !== this.changed))
      return { field: OWN_NAME, what: `Another metric has the name “${name}”. Give this one its own.` };
    if (isPrompts && isComparing(needsOf(withSettings(spec))))
      return {
        field: OWN_NAME,
        what: `${label} compares with a reference answer, and these rows have none.`,
      };
    const outcome = await this.#check(spec);
    return outcome.ok ? undefined : { field: fieldOf(spec), what: `${outcome.what} ${outcome.remedy}` };
  }
}

/** The field that a fault is about: the one without whose value there would be none, else the one that has to be given. */
function fieldOf(spec: ScorerSpec): string {
  const settings = specScorer(spec.name)?.settings ?? [];
  const without = (name: string): ScorerSpec => {
    const { [name]: _, ...others } = spec;
    return others as ScorerSpec;
  };
  const cured = [OWN_NAME, ...settings.map(({ name }) => name)].find(
    (name) => spec[name] !== undefined && choiceProblem(without(name), '') === undefined,
  );
  return cured ?? settings.find(({ default: initial }) => initial === undefined)?.name ?? settings[0].name;
}
