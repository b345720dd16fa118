/** The facts about a run on the card of its adapter. */
import { capital } from '../capital.ts';
import type { AdapterDescription, Device } from '../engine/device.ts';
import { GpuDevice } from '../engine/webgpu/device.ts';
import { kernelBuilds } from '../engine/webgpu/tuning.ts';
import { tunedName } from '../evaluate/product-words.ts';
import type { CardFacts } from '../export/model-card.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { describeChoices } from '../model/weight-types.ts';
import { objectiveOf, OBJECTIVES } from '../objectives/registry.ts';
import type { LossCurve, Learned } from './store.ts';
import type { RunSpec } from '../settings/spec.ts';

interface Made {
  /** The name in adapter_config.json. */
  readonly baseModel: string;
  readonly model: Pick<LanguageModel, 'device' | 'weightChoices' | 'isEncoder'>;
  readonly options: RunSpec;
  /** Rows that it was trained on. */
  readonly rows: number;
  /** SHA-256 of the data, in hex. */
  readonly dataSha256?: string | undefined;
  readonly baseLicence?: string | undefined;
  /** The text between prompt and answer in these rows, for a model without a chat template. */
  readonly afterPrompt?: string;
}

/** The losses are those of the whole run, wherever it was resumed. @throws Error as `objectiveOf` */
export function cardFacts(
  { baseModel, model, options, rows, dataSha256, baseLicence, afterPrompt }: Made,
  { step, bestEvalLoss }: Pick<Learned, 'step' | 'bestEvalLoss'>,
  { steps }: Pick<LossCurve, 'steps'>,
): CardFacts {
  const objective = objectiveOf(options.objective);
  return {
    baseModel,
    objective: objective.label,
    ...(dataSha256 !== undefined && { dataSha256 }),
    ...(baseLicence !== undefined && { baseLicence }),
    steps: step,
    rows,
    lr: options.lr,
    schedule: options.schedule,
    batch: options.batch * options.accumulate,
    seed: options.seed,
    firstLoss: lossAt(steps, 1),
    lastLoss: lossAt(steps, step),
    evalLoss: bestEvalLoss,
    ...(objective !== OBJECTIVES[0] && { lossIs: `those of ${objective.label}: ${objective.curve.loss}` }),
    adapterName: computingName(model.device),
    baseWeights: describeChoices(model.weightChoices),
    ...(model.isEncoder && { encodes: true }),
    ...(afterPrompt !== undefined && afterPrompt !== '' && { afterPrompt }),
  };
}

/** The loss of a step; undefined if the log from before a resume is missing. */
export function lossAt(steps: LossCurve['steps'], step: number): number | undefined {
  return steps.findLast((point) => point.step === step)?.loss;
}

/** Spellings of vendors and families, which WebGPU reports in lower case. Others get a capital. */
const WRITTEN: Readonly<Record<string, string>> = {
  amd: 'AMD',
  arm: 'Arm',
  nvidia: 'NVIDIA',
  swiftshader: 'SwiftShader',
};
const written = (word: string): string => WRITTEN[word] ?? capital(word);

/** Browsers hide the full name and give the vendor and the family: both are better than nothing. */
export function deviceName({ vendor, architecture, description }: AdapterDescription): string {
  const parts = [vendor, architecture].filter((part) => part).map(written);
  return description || parts.join(' ') || 'unnamed GPU';
}

/**
 * The name of a device, with its builds of kernels if they are not those that its adapter usually gets, and with the kernels that were chosen for products
 * on it: the last bits of a run depend on all three.
 */
export function computingName(device: Device): string {
  const name = deviceName(device.adapter);
  if (!(device instanceof GpuDevice)) return name;
  const builds = device.kernels === kernelBuilds(device.adapter) ? undefined : `${device.kernels} kernels`;
  const how = [builds, tunedName(device.tuning.products)].filter((part) => part !== undefined);
  return how.length > 0 ? `${name} with ${how.join(' and ')}` : name;
}
