/** What a run leaves in the library: its adapter, as the library lists it and as a PEFT folder. */
import { writePeft, type AdapterData } from '../export/peft.ts';
import { loraModules } from '../model/lora.ts';
import { describeChoices, sameChoices } from '../model/weight-types.ts';
import type { StoredAdapter, StoredFiles, StoredRun } from '../storage/records.ts';
import type { NamedArrays } from '../train/state.ts';
import { countParameters } from './adapters.ts';
import type { RunOptions } from './api.ts';
import { adapterName } from './gpu.ts';
import type { OpenModel } from './model.ts';
import { trainOptions } from './run-options.ts';

export interface Learned {
  /** Settings, and the curve up to where the tensors were taken. */
  readonly run: StoredRun;
  /** By PEFT name. */
  readonly tensors: NamedArrays;
  readonly step: number;
  /** Rows that it was trained on. */
  readonly rows: number;
  readonly bestEvalLoss: number | undefined;
}

/** @throws GraftError `lora-config` */
export function keptAdapter(
  { run, tensors, step, rows, bestEvalLoss }: Learned,
  { info, model }: OpenModel,
): { adapter: StoredAdapter; files: StoredFiles } {
  const settings = run.settings as RunOptions;
  const options = trainOptions(settings);
  const data: AdapterData = {
    config: options.lora,
    modules: loraModules(model.definition, options.lora),
    tensors,
  };
  const finalLoss = run.steps.at(-1)?.loss;
  const files = writePeft(data, {
    baseModel: info.name,
    steps: step,
    rows,
    lr: options.lr,
    schedule: options.schedule,
    batch: options.batch * options.accumulate,
    seed: options.seed,
    firstLoss: run.steps.at(0)?.loss,
    lastLoss: finalLoss,
    evalLoss: bestEvalLoss,
    adapterName: adapterName(model.device.adapter),
    baseWeights: describeChoices(model.weightChoices),
  });
  const adapter: StoredAdapter = {
    id: crypto.randomUUID(),
    projectId: run.projectId,
    name: settings.name.trim() || 'Unnamed',
    note: '',
    baseModel: info.name,
    rank: options.lora.rank,
    alpha: options.lora.alpha,
    targets: options.lora.targets,
    parameters: countParameters(tensors),
    created: Date.now(),
    runId: run.id,
    ...(finalLoss !== undefined && { finalLoss }),
    ...(run.data && { data: run.data }),
    ...(run.dataOptions && { dataOptions: run.dataOptions }),
    ...(!sameChoices(model.weightChoices) && { baseWeights: model.weightChoices }),
  };
  return { adapter, files };
}
