/** The memory and time of a run on a model that is not downloaded. */
import type { Lowering } from '../../engine/lowering.ts';
import type { Target } from '../../engine/target.ts';
import type { ModelDefinition } from '../../model/definition.ts';
import { resolvePrecision } from '../../model/precision.ts';
import { FOUR_BITS, memoryProblems } from '../../train/memory-advice.ts';
import { planMemory, type MemoryPlan, type MemorySettings } from '../../train/memory-plan.ts';
import type { TrainingSpeed } from '../../runs/run-forecast.ts';
import type { ForecastMemory, ForecastSettings, ModelForecast } from '../api/curated.ts';
import { defaultSpec } from '../../settings/spec.ts';

/** @param speed of training on this GPU, if it was measured */
export async function forecastModel(
  lowering: Lowering,
  definition: ModelDefinition,
  { batch, maxLength: asked, rank }: ForecastSettings,
  speed: TrainingSpeed | undefined,
): Promise<ModelForecast> {
  const { target } = lowering;
  const maxLength = Math.min(asked, definition.shape.maxPositions);
  const settings: MemorySettings = {
    precision: resolvePrecision('auto', target),
    options: { ...defaultSpec(), batch, maxLength, rank },
  };
  const usual = await planMemory(lowering, definition, settings);
  const min = await planMemory(lowering, definition, {
    ...settings,
    baseWeights: { matrices: FOUR_BITS },
    options: { ...settings.options, checkpointing: true },
  });
  return {
    precision: settings.precision,
    usual: memoryOf(usual, target),
    least: memoryOf(min, target),
    tokens: batch * maxLength,
    ...(speed && { secondsPerStep: usual.flops / speed.flops }),
  };
}

function memoryOf(plan: MemoryPlan, { limits }: Target): ForecastMemory {
  const [problem] = memoryProblems(plan, limits);
  if (!problem) return { peakBytes: plan.peakBytes };
  return { peakBytes: plan.peakBytes, refused: problem };
}
