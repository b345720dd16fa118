/** What a language model computes inside: hidden states, attention, the result of any module, and their gradients. */
import { linearCrossEntropy } from '../engine/ops/cross_entropy.ts';
import { matmul, wholeColumns } from '../engine/ops/matmul.ts';
import { Tape } from '../engine/tape.ts';
import { batchTensors, countSupervised, writeBatch } from './batch.ts';
import type { AdapterHooks } from './graph.ts';
import type { LanguageModel } from './language-model.ts';
import { Observer, type Observation } from './observer.ts';
import { inputRows } from './virtual-tokens.ts';

interface ObserveOptions {
  readonly adapter?: AdapterHooks;
  /** As in Hugging Face; −100 is not supervised, and position t predicts label t + 1. With labels, gradients of their summed loss are observed as well. */
  readonly labels?: ArrayLike<number>;
  readonly checkpointing?: boolean;
}

/** The name of the logits among the results. */
const LOGITS = 'logits';

/**
 * Runs one sequence through a model and brings results of it to the host, f32.
 *
 * @param names of the results, as in `Graph`, and `logits` [T, V]; logits and the last norm are those of the supervised positions if there are labels
 * @returns each in the shape of the plan: a row for each token, [H, T, T] for `attention.N`. An adapter's virtual tokens come first.
 * @throws GraftError `observe-name` for a name that the model does not have, `token-id`, `sequence-length`, `engine-…`
 */
export async function observe(
  model: LanguageModel,
  ids: ArrayLike<number>,
  names: Iterable<string>,
  { adapter, labels, checkpointing }: ObserveOptions = {},
): Promise<Map<string, Observation>> {
  model.checkIds(ids, adapter);
  // Without labels every position of a token is an output row: labels only say so.
  const [row] = inputRows([{ ids, labels: labels ?? [-100, ...Array.from(ids, () => 0)] }], adapter);
  const tape = new Tape(model.device, labels !== undefined);
  const bucket = { tokens: row.ids.length, rows: countSupervised(row) };
  const inputs = batchTensors(tape, bucket, model.batchOptions);
  const observer = new Observer(tape, names);
  const hidden = model.forward(tape, inputs, { adapter, checkpointing, observer });
  const head = model.headOf(tape, adapter);
  const V = model.vocabularyWith(adapter);
  if (observer.wants(LOGITS)) {
    const c = tape.tensor([hidden.rows, wholeColumns(V)], 'f32', LOGITS);
    observer.keep(LOGITS, matmul(tape, { a: hidden, b: head, layout: 'NT', c }));
  }
  observer.check();
  if (labels) tape.backward(linearCrossEntropy(tape, hidden, head, inputs.labels));
  const plan = await model.device.compile(tape, model.pool);
  writeBatch(plan, inputs, [row]);
  plan.run();
  const observed = await observer.read(plan);
  plan.destroy();
  const logits = observed.get(LOGITS);
  if (logits) observed.set(LOGITS, { shape: [hidden.rows, V], values: withoutPadding(logits, V) });
  return observed;
}

function withoutPadding({ shape: [rows, pitch], values }: Observation, columns: number): Float32Array {
  const packed = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++)
    packed.set(values.subarray(row * pitch, row * pitch + columns), row * columns);
  return packed;
}
