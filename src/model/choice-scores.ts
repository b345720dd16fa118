/**
 * How likely each of some continuations of a prompt is, without generating: the prompt goes through the model once, into the states of its layers, and
 * one replay computes the tokens of all choices over it (choice-tree.ts). What the prompts have in common is computed once for all of them.
 */
import { NO_LABEL } from '../engine/ops/cross_entropy.ts';
import { NO_ROW } from '../engine/ops/gather_rows.ts';
import { logProbabilities } from '../engine/ops/log_probabilities.ts';
import type { Plan } from '../engine/plan.ts';
import { Tape } from '../engine/tape.ts';
import type { Tensor } from '../engine/tensor.ts';
import { batchTensors, virtualIds, type BatchTensors } from './batch.ts';
import { CacheCopy } from './cache-copy.ts';
import { choiceTree, type ChoiceTree } from './choice-tree.ts';
import { checkPrompt } from './generation.ts';
import { GenerationState } from './generation-state.ts';
import type { AdapterHooks, ReplayState } from './graph.ts';
import type { LanguageModel } from './language-model.ts';
import { commonLength } from './prompt-prefix.ts';
import { Prefill } from './replays.ts';

/** A prompt, and what may follow it. */
export interface AskedChoices {
  readonly prompt: readonly number[];
  /** Token ids of each choice. Prompts that have the same list share its layout. */
  readonly choices: readonly (readonly number[])[];
}

/** The most prompts of one replay. */
const PROMPTS = 8;
/** Tokens of choices of one replay, unless one prompt has more. */
const TOKENS = 512;

/** The plan that computes the choices of up to `prompts` prompts. */
interface Scoring {
  readonly plan: Plan;
  readonly inputs: BatchTensors;
  /** Where its tokens go in the state. */
  readonly places: ReplayState;
  /** f32 [R], read by the host. */
  readonly logProbabilities: Tensor;
}

/** A prompt, and the tokens of its choices. */
interface Placed {
  readonly ids: readonly number[];
  readonly tree: ChoiceTree;
}

/**
 * The log-probability of each choice after its prompt, in nats: the sum over its tokens. Frees its memory on the device in any case.
 *
 * @param onScored called with a prompt's index and the log-probabilities of its choices, in order, and awaited; throwing ends the measurement
 * @returns for each prompt, by choice
 * @throws GraftError `prompt-length`, `token-id`, `sequence-length`, `engine-…`, and what `onScored` throws
 */
export async function scoreChoices(
  model: LanguageModel,
  asked: readonly AskedChoices[],
  adapter?: AdapterHooks,
  onScored: (prompt: number, logProbabilities: readonly number[]) => unknown = () => undefined,
): Promise<number[][]> {
  if (asked.length === 0) return [];
  const { device } = model;
  const placed = place(model, asked, adapter);
  const most = (of: (one: Placed) => number): number =>
    placed.reduce((max, one) => Math.max(max, of(one)), 0);
  const computed = most(({ tree }) => tree.ids.length + 1);
  const prompts = Math.max(1, Math.min(PROMPTS, placed.length, Math.floor(TOKENS / computed)));
  /** Tokens of a prompt and of its choices. */
  const pitch = most(({ ids, tree }) => ids.length + tree.ids.length);
  const state = new GenerationState(model, prompts, pitch);
  const plans: { destroy(): void }[] = [];
  const found: number[][] = [];
  try {
    const prefill = await Prefill.compile(model, { state, ...(adapter && { adapter }) });
    plans.push(prefill);
    const rows = prompts * most(({ tree }) => tree.predicted.length);
    const scoring = await compileScoring(model, state, { tokens: prompts * computed, rows }, adapter);
    plans.push(scoring.plan);

    // What all have in common is copied into each place once, and stays there.
    const common = placed.reduce(
      (length, { ids }) => Math.min(length, commonLength(ids, placed[0].ids)),
      placed[0].ids.length - 1,
    );
    const held: (readonly number[])[] = Array.from({ length: prompts }, () => placed[0].ids.slice(0, common));
    if (common > 0) {
      await prefill.fill(held[0].map((id, position) => ({ id, sequence: 0, position })));
      if (prompts > 1) {
        const copy = await CacheCopy.compile(model, state);
        plans.push(copy);
        copy.copy(held.slice(1).map((_, at) => ({ from: 0, to: at + 1, first: 0, end: common })));
      }
    }
    for (let start = 0; start < placed.length; start += prompts) {
      const group = placed.slice(start, start + prompts);
      await prefill.fill(
        group.flatMap(({ ids }, sequence) => {
          const { length } = held[sequence];
          const known = state.rows.reusable(length, commonLength(held[sequence], ids.slice(0, -1)));
          held[sequence] = ids.slice(0, -1);
          return held[sequence].slice(known).map((id, at) => ({ id, sequence, position: known + at }));
        }),
      );
      write(scoring, group, state);
      scoring.plan.run();
      const values = new Float32Array(await scoring.plan.read(scoring.logProbabilities));
      let row = 0;
      for (const [at, { tree }] of group.entries()) {
        const first = row;
        row += tree.predicted.length;
        found.push(tree.paths.map((path) => path.reduce((sum, index) => sum + values[first + index], 0)));
        await onScored(start + at, found[start + at]);
      }
    }
    return found;
  } finally {
    if (!device.failure) {
      await device.settle();
      for (const plan of plans) plan.destroy();
      state.free();
    }
  }
}

/** Prompts with virtual tokens before them, and trees of choices: one for those with the same list. */
function place(
  model: LanguageModel,
  asked: readonly AskedChoices[],
  adapter: AdapterHooks | undefined,
): Placed[] {
  const before = virtualIds(adapter?.virtualTokens ?? 0);
  const trees = new Map<AskedChoices['choices'], ChoiceTree>();
  return asked.map(({ prompt, choices }) => {
    const longest = choices.reduce((max, ids) => Math.max(max, ids.length), 0);
    checkPrompt(model, prompt, before.length + prompt.length + longest, adapter);
    let tree = trees.get(choices);
    if (!tree) {
      for (const ids of choices) model.checkIds([...prompt, ...ids], adapter);
      trees.set(choices, (tree = choiceTree(choices)));
    }
    return { ids: [...before, ...prompt], tree };
  });
}

async function compileScoring(
  model: LanguageModel,
  state: GenerationState,
  bucket: { readonly tokens: number; readonly rows: number },
  adapter: AdapterHooks | undefined,
): Promise<Scoring> {
  const tape = new Tape(model.device);
  const inputs = batchTensors(tape, { ...bucket, shared: true }, model.batchOptions);
  const places = state.inputs(tape, bucket.tokens);
  const hidden = model.forward(tape, inputs, { ...(adapter && { adapter }), state: places });
  const scores = logProbabilities(tape, hidden, model.headOf(tape, adapter), inputs.labels, { kept: true });
  return {
    plan: await model.device.compile(tape, model.pool),
    inputs,
    places,
    logProbabilities: scores,
  };
}

/** Writes the last token of each prompt and the tokens of its choices, and what they predict. All other rows are padding. */
function write(
  { plan, inputs, places }: Scoring,
  group: readonly Placed[],
  { rows: kept }: GenerationState,
): void {
  const M = inputs.ids.size;
  const R = inputs.rows.size;
  const ids = new Uint32Array(M);
  const positions = new Uint32Array(M);
  const keyRanges = new Uint32Array(M * 4);
  const slotRows = new Uint32Array(M).fill(NO_ROW);
  const before = new Uint32Array(M * kept.recent).fill(NO_ROW);
  const rows = new Uint32Array(R).fill(NO_ROW);
  const labels = new Uint32Array(R).fill(NO_LABEL);
  let m = 0;
  let r = 0;
  group.forEach(({ ids: prompt, tree }, sequence) => {
    const begin = kept.rowOf(sequence, 0);
    const end = begin + prompt.length;
    const last = m;
    /** Where the token is that is so many tokens before the prompt's last one, which is itself a part of the replay. */
    const inPrompt = (back: number): number => {
      if (back >= prompt.length) return NO_ROW;
      return back === 0 ? last : M + kept.recentRowOf(sequence, prompt.length - 1 - back);
    };
    const put = (
      id: number,
      position: number,
      slot: number,
      own: readonly [number, number],
      previous: (k: number) => number,
    ): void => {
      for (let k = 1; k <= kept.recent; k++) before[m * kept.recent + k - 1] = previous(k);
      ids[m] = id;
      positions[m] = position;
      slotRows[m] = slot;
      keyRanges.set([begin, end, ...own], m * 4);
      m++;
    };
    put(prompt[prompt.length - 1], prompt.length - 1, end - 1, [end, end], inPrompt);
    tree.ids.forEach((id, at) => {
      const start = tree.starts[at];
      const previous = (k: number): number =>
        at - k >= start ? last + 1 + at - k : inPrompt(k - 1 - (at - start));
      put(id, prompt.length + at - start, end + at, [end + start, end + at + 1], previous);
    });
    for (const { from, id } of tree.predicted) {
      rows[r] = last + 1 + from;
      labels[r] = id;
      r++;
    }
  });
  plan.write(inputs.ids, ids);
  plan.write(inputs.positions, positions);
  plan.write(inputs.keyRanges, keyRanges);
  plan.write(places.slots, slotRows);
  if (inputs.previous) plan.write(inputs.previous, before);
  // The state stays at the end of what was read of each prompt.
  if (places.recentSlots) plan.write(places.recentSlots, new Uint32Array(M).fill(NO_ROW));
  plan.write(inputs.rows, rows);
  plan.write(inputs.labels, labels);
}
