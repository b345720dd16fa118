/** Settings of a further run: short, on the adapter that it starts from. */
import type { AdapterInfo, DataOptions, DataSummary, ModelInfo, FormSpec } from '../../../worker/api.ts';
import { START } from '../../train/kept-settings.ts';
import { suggest, type Suggestion } from '../../../settings/defaults.ts';
import { presetOptions, withObjective } from '../../train/settings.ts';

/** What a further run learns from: the good answers, or all judged ones. */
export type FeedbackObjective = 'sft' | 'kto';

export interface FurtherSettings {
  readonly learns: FeedbackObjective;
  /** Share of the rows that are drawn from those of the project. */
  readonly replay: number;
  /** A number that suits the rows if left out. */
  readonly steps?: number;
}

export const FURTHER_DEFAULTS: FurtherSettings = { learns: 'sft', replay: 0.5 };

/** How often each row of feedback is seen, if the number of steps is not set. */
const PASSES = 12;
/** In 16 steps the bundled model learns two corrections by heart, and in 8 it does not. */
const [MIN_STEPS, MAX_STEPS] = [16, 120];
const MAX_WEIGHT = 10;

/** @param rows of feedback */
export function usualSteps(rows: number, batch: number, replay: number): number {
  const drawn = batch * (1 - replay);
  return Math.min(MAX_STEPS, Math.max(MIN_STEPS, Math.ceil((PASSES * rows) / drawn)));
}

interface Situation {
  readonly name: string;
  readonly from: AdapterInfo;
  readonly model: ModelInfo;
  /** The settings that a bundled sample suggests. */
  readonly suggestion?: Suggestion;
  readonly data: Pick<DataOptions, 'maxLength'>;
  readonly rows: DataSummary['rows'];
  /** Rows of feedback by their labels. */
  readonly good: number;
  readonly bad: number;
}

export function furtherOptions(
  { learns, replay, steps }: FurtherSettings,
  { name, from, model, suggestion = suggest(model), data, rows, good, bad }: Situation,
): FormSpec {
  const base: FormSpec = {
    ...START,
    name,
    targets: model.targets,
    maxLength: data.maxLength,
    start: { id: from.id, name: from.name },
    trial: true,
  };
  const asked = learns === 'kto' ? withObjective('kto', base) : base;
  const { objective: _, ...supervised } = suggestion;
  const usual = presetOptions('quick', supervised, rows.train, asked);
  const batch = Math.max(2, usual.batch);
  const many = steps ?? usualSteps(good + bad, batch * usual.accumulate, replay);
  // The mean of desirable and undesirable answers that a step draws.
  const share = good + bad === 0 ? 0 : bad / (good + bad);
  const undesirable = (1 - replay) * share;
  return {
    ...usual,
    ...(learns === 'kto' && {
      undesirableWeight:
        undesirable === 0
          ? 1
          : Math.min(MAX_WEIGHT, Math.max(1, Number(((1 - undesirable) / undesirable).toFixed(1)))),
    }),
    batch,
    steps: many,
    warmup: 0,
    evalEvery: rows.validation > 0 ? many : 0,
    patience: 0,
    sampleEvery: 0,
    samplePrompt: '',
  };
}
