/**
 * Layer-by-layer offloading, as accelerate's disk offload: a forward runs in segments (segment.ts), and only the weights of one are on the device. They
 * are read from the folder before it runs and freed after it, so that a model computes whose weights do not fit at once. The peak is that of the largest
 * segment, often the embedding or the head, with its activations and two tensors of hidden states. Each segment computes what the whole plan does.
 */
import { copy } from '../engine/ops/add.ts';
import type { Plan } from '../engine/plan.ts';
import { Tape } from '../engine/tape.ts';
import type { Tensor } from '../engine/tensor.ts';
import type { OffloadedWeights } from './base-weights.ts';
import type { AdapterHooks, SequenceInputs } from './graph.ts';
import type { LanguageModel } from './language-model.ts';

/** A forward: its inputs, what follows its hidden states, and what is read of that. */
export interface ForwardRun<Inputs extends SequenceInputs, End, Result> {
  /** Inputs of a plan, which has them for itself. */
  readonly inputs: (tape: Tape) => Inputs;
  readonly write: (plan: Plan, inputs: Inputs) => void;
  /** Records what follows the hidden states that `LanguageModel.forward` gives. */
  readonly end: (tape: Tape, hidden: Tensor, inputs: Inputs) => End;
  readonly read: (plan: Plan, end: End) => Promise<Result>;
}

/** Whether the weights of a model stay in its folder. */
export const isOffloaded = (model: LanguageModel): boolean => 'release' in model.weights;

/**
 * Runs a forward of a model with offloaded weights (`LanguageModel.offloaded`), segment by segment.
 *
 * @param onProgress called after each segment: done of all
 * @throws GraftError `weights-…`, and as `Device.compile`
 */
export async function runOffloaded<Inputs extends SequenceInputs, End, Result>(
  model: LanguageModel,
  { inputs: inputsOf, write, end, read }: ForwardRun<Inputs, End, Result>,
  adapter: AdapterHooks | undefined,
  onProgress?: (done: number, total: number) => void,
): Promise<Result> {
  const { device, definition } = model;
  const weights = model.weights as OffloadedWeights;
  const { layers } = definition.shape;
  let input: Tensor | undefined;
  try {
    for (let at = 0; ; at++) {
      const isLast = at > layers;
      const tape = new Tape(device);
      const inputs = inputsOf(tape);
      weights.begin();
      const hidden = model.forward(tape, inputs, { adapter, segment: { at, ...(input && { input }) } });
      const output = isLast ? undefined : device.upload(hidden.shape, hidden.dtype, 'hidden states');
      if (output) copy(tape, hidden, output);
      const ended = isLast && end(tape, hidden, inputs);
      let plan: Plan | undefined;
      try {
        await weights.load();
        plan = await device.compile(tape, model.pool);
        write(plan, inputs);
        plan.run();
        if (ended !== false) return await read(plan, ended);
        await device.settle();
      } finally {
        plan?.destroy();
        weights.release();
        if (input) device.free(input);
        input = output;
      }
      onProgress?.(at + 1, layers + 2);
    }
  } finally {
    if (input) device.free(input);
  }
}
