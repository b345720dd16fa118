/** The adapter of a run, for the library: its entry in the list, and its PEFT folder. */
import { portableAdapter, writePeft } from '../../export/peft.ts';
import { baseInWords, sameChoices } from '../../model/weight-types.ts';
import { cardFacts, lossAt } from '../../runs/card-facts.ts';
import type { Learned } from '../../runs/store.ts';
import type { AdapterShape } from '../../runs/trainable.ts';
import type { StoredAdapter, StoredFiles, StoredRun } from '../../storage/records.ts';
import { countParameters, adapterSettings } from '../library/adapters.ts';
import type { FormSpec } from '../api.ts';
import type { OpenModel } from '../models/model.ts';
import { specOfForm } from '../../runs/headless-command.ts';
import { recipeOf } from '../../settings/recipe.ts';
import { specOf } from '../../settings/spec.ts';
import { asSaved } from '../../settings/table.ts';

interface Made {
  /** Settings, and the curve. */
  readonly run: StoredRun;
  readonly learned: Learned;
  readonly adapter: AdapterShape;
  /** Rows that it was trained on. */
  readonly rows: number;
  readonly baseLicence?: string | undefined;
}

export function keptAdapter(
  { run, learned, adapter: shape, rows, baseLicence }: Made,
  { info, model }: Pick<OpenModel, 'info' | 'model'>,
): { adapter: StoredAdapter; files: StoredFiles } {
  const settings = asSaved(run.settings as FormSpec);
  const data = portableAdapter({ ...shape, tensors: learned.tensors });
  const finalLoss = lossAt(run.steps, learned.step);
  const made = {
    baseModel: info.name,
    model,
    options: specOf(settings),
    ...{ rows, baseLicence, dataSha256: run.data?.version },
    afterPrompt: run.afterPrompt,
  };
  const { dtype: precision, weightChoices } = model;
  const how = {
    recipe: recipeOf(specOfForm(settings, run.dataOptions, { precision, baseWeights: weightChoices })),
    made: { graft: import.meta.env.GRAFT_VERSION, precision, base: baseInWords(weightChoices) },
  };
  const files = writePeft(data, { ...cardFacts(made, learned, run), how });
  const adapter: StoredAdapter = {
    id: crypto.randomUUID(),
    projectId: run.projectId,
    name: settings.name.trim() || 'Unnamed',
    note: '',
    baseModel: info.name,
    ...adapterSettings(data.config),
    parameters: countParameters(data.tensors),
    created: Date.now(),
    runId: run.id,
    ...(finalLoss !== undefined && { finalLoss }),
    ...(learned.bestEvalLoss !== undefined && { evalLoss: learned.bestEvalLoss }),
    ...(settings.start && { parent: settings.start }),
    ...(settings.trial === true && { trial: true }),
    ...(model.isEncoder && { encodes: true }),
    ...(run.sweep !== undefined && { sweep: run.sweep }),
    ...(run.data && { data: run.data }),
    ...(run.dataOptions && { dataOptions: run.dataOptions }),
    ...(!sameChoices(model.weightChoices) && { baseWeights: model.weightChoices }),
  };
  return { adapter, files };
}
