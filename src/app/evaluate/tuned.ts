/** What a project has tuned: adapters, and models that full fine-tuning left. */
import type { RunTook } from '../../evaluate/run-took.ts';
import { learnerOf, METHODS } from '../../settings/registry.ts';
import type { RewardSpec } from '../../scorers/scorer-spec.ts';
import type { AdapterInfo, RunSummary, TunedChoice } from '../../worker/api.ts';
import { methodWords } from '../train/method-words.ts';
import { formObjective } from '../train/settings.ts';
import { plural } from '../../numbers.ts';
import { isSameModel } from '../ui/model-names.ts';

/** An adapter, or the model that full fine-tuning left. */
export interface Tuned {
  /** The id of the adapter or of the run. */
  readonly key: string;
  readonly choice: TunedChoice;
  readonly name: string;
  /** “LoRA rank 8”. */
  readonly kind: string;
  readonly runId?: string;
  /** The name of its base, if that is not the open model. */
  readonly otherBase?: string;
  readonly took: RunTook;
  /** The objective of its run, and the rewards of one that learned from some; missing if the run is not kept. */
  readonly objective?: string;
  readonly rewards?: readonly RewardSpec[];
  /** Identifies the work of a step: rows, their length, the data. Memory and time are only compared for equal work. */
  readonly work?: string;
}

interface Project {
  readonly adapters: readonly AdapterInfo[];
  readonly runs: readonly RunSummary[];
  /** Names of the models that this browser keeps. */
  readonly models: readonly string[];
  /** The name of the open model. */
  readonly open: string;
  /** By the id of the run. */
  readonly took: Readonly<Record<string, RunTook>>;
}

/** Everything that a project has tuned, in order of creation, without adapters on trial. */
export function tunedOf({ adapters, runs, models, open, took }: Project): Tuned[] {
  const ofBase = (baseModel: string): Pick<Tuned, 'otherBase'> =>
    isSameModel(baseModel, open) ? {} : { otherBase: baseModel };
  const runOf = (runId: string | undefined): RunSummary | undefined => runs.find(({ id }) => id === runId);
  const madeBy = (runId: string | undefined): Pick<Tuned, 'runId' | 'work' | 'objective' | 'rewards'> => {
    const run = runOf(runId);
    const { objective, rewards } = run?.options ?? {};
    return {
      ...(runId !== undefined && { runId }),
      ...(objective !== undefined && { objective }),
      ...(formObjective({ objective }).samples && rewards && { rewards }),
      ...(run && { work: workOf(run) }),
    };
  };
  const kept = adapters
    .filter(({ trial }) => !trial)
    .map(({ id, name, baseModel, runId, parameters, created, ...adapter }) => ({
      ...{ key: id, choice: { id }, name, kind: madeAs(adapter, runOf(runId)), created },
      ...ofBase(baseModel),
      ...madeBy(runId),
      took: { ...(runId !== undefined && took[runId]), parameters },
    }));
  const whole = runs
    .filter(({ keptModel }) => keptModel !== undefined && models.includes(keptModel))
    .map(({ id, options, baseModel, created }) => ({
      ...{ key: id, choice: { runId: id }, name: options.name, kind: methodWords(options), created },
      ...ofBase(baseModel),
      ...madeBy(id),
      took: took[id] ?? {},
    }));
  return [...kept, ...whole]
    .sort((a, b) => a.created - b.created)
    .map(({ created: _, ...tuned }): Tuned => tuned);
}

const workOf = ({ options, baseModel, data, dataName }: RunSummary): string => {
  const { batch, accumulate, maxLength, objective } = options;
  return [baseModel, objective, batch, accumulate, maxLength, data?.version ?? dataName].join(' ');
};

/** The method in words. Some methods leave an adapter of another kind: PiSSA a plain LoRA of twice the rank. */
function madeAs(adapter: Parameters<typeof kindWords>[0], run: RunSummary | undefined): string {
  const kept = kindWords(adapter);
  const isAnother = run && learnerOf(run.options).name !== (adapter.kind ?? METHODS[0].name);
  return isAnother ? `${methodWords(run.options)}, kept as ${kept}` : kept;
}

function kindWords({
  kind = METHODS[0].name,
  rank,
  virtualTokens,
}: Pick<AdapterInfo, 'kind' | 'rank' | 'virtualTokens'>): string {
  const method = METHODS.find(({ name }) => name === kind) ?? METHODS[0];
  if (virtualTokens !== undefined) return `${method.label}, ${plural(virtualTokens, 'token')}`;
  return rank === undefined ? method.label : methodWords({ method: method.name, rank });
}
