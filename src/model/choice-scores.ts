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
import { batchTensors, type BatchTensors, type Bucket } from './batch.ts';
import { CacheCopy } from './cache-copy.ts';
import { choiceTree, type ChoiceTree } from './choice-tree.ts';
import { checkPrompt } from './generation.ts';
import { GenerationState } from './generation-state.ts';
import type { AdapterHooks, ReplayState } from './graph.ts';
import type { LanguageModel } from './language-model.ts';
import { commonLength } from './prompt-prefix.ts';
import { Prefill, PREFILL_TOKENS } from './replays.ts';
import { inputIds, positionsOf } from './virtual-tokens.ts';

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
  /** u32 [R, L]: what each predicting token predicts. */
  readonly labels: Tensor;
  /** f32 [R, L], read by the host. */
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
  const computed = most(({ tree }) => tree.ids.length);
  const prompts = Math.max(1, Math.min(PROMPTS, placed.length, Math.floor(TOKENS / (computed + 1))));
  /** Tokens of a prompt and of its choices. */
  const pitch = most(({ ids, tree }) => ids.length + tree.ids.length);
  const state = new GenerationState(model, prompts, pitch);
  const plans: { destroy(): void }[] = [];
  const found: number[][] = [];
  try {
    const prefill = await Prefill.compile(model, { state, ...(adapter && { adapter }) });
    plans.push(prefill);
    // What all have in common is copied into each place once, and stays there. A single place has it from the prompt before.
    const isAlone = prompts === 1 && state.rows.recent === 0;
    const common = placed.reduce(
      (length, { ids }) => Math.min(length, commonLength(ids, placed[0].ids)),
      isAlone ? 0 : placed[0].ids.length - 1,
    );
    const ends = endsOf(
      placed.map(
        ({ ids }, at) => ids.length - (isAlone && at > 0 ? knownOf(placed[at - 1].ids, ids) : common),
      ),
      prompts,
      state,
    );
    const ranges = most(({ tree }) => tree.ranges);
    const scoring = await compileScoring(
      model,
      state,
      {
        tokens: prompts * (ends + computed),
        rows: prompts * most(({ tree }) => tree.predicted.length),
        ...(ranges > 1 && { ranges }),
        labels: most(({ tree }) => Math.max(...tree.predicted.map((ids) => ids.length))),
      },
      adapter,
    );
    plans.push(scoring.plan);
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
      const known = group.map(({ ids }, sequence) =>
        state.rows.reusable(held[sequence].length, knownOf(held[sequence], ids)),
      );
      /** How many tokens of each prompt are in the state before the replay. */
      const read = group.map(({ ids }, sequence) => Math.max(known[sequence], ids.length - ends));
      await prefill.fill(
        group.flatMap(({ ids }, sequence) => {
          const first = known[sequence];
          held[sequence] = ids.slice(0, -1);
          return ids.slice(first, read[sequence]).map((id, at) => ({ id, sequence, position: first + at }));
        }),
      );
      write(scoring, group, read, state);
      scoring.plan.run();
      const values = new Float32Array(await scoring.plan.read(scoring.logProbabilities));
      const columns = scoring.labels.columns;
      let first = 0;
      for (const [at, { tree }] of group.entries()) {
        found.push(
          tree.paths.map((path) =>
            path.reduce((sum, { row, at: label }) => sum + values[(first + row) * columns + label], 0),
          ),
        );
        first += tree.predicted.length;
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

/** How many tokens of a prompt are known from another one that was read: the last one has to be read again. */
const knownOf = (held: readonly number[], ids: readonly number[]): number =>
  commonLength(held, ids.slice(0, -1));

/** Prompts with virtual tokens before them, and trees of choices: one for those with the same list. */
function place(
  model: LanguageModel,
  asked: readonly AskedChoices[],
  adapter: AdapterHooks | undefined,
): Placed[] {
  const trees = new Map<AskedChoices['choices'], ChoiceTree>();
  return asked.map(({ prompt, choices }) => {
    const longest = choices.reduce((max, ids) => Math.max(max, ids.length), 0);
    checkPrompt(model, prompt, positionsOf(prompt.length + longest, adapter), adapter);
    let tree = trees.get(choices);
    if (!tree) {
      for (const ids of choices) model.checkIds([...prompt, ...ids], adapter);
      trees.set(choices, (tree = choiceTree(choices)));
    }
    return { ids: inputIds(prompt, adapter), tree };
  });
}

async function compileScoring(
  model: LanguageModel,
  state: GenerationState,
  { labels: columns, ...bucket }: Bucket & { readonly labels: number },
  adapter: AdapterHooks | undefined,
): Promise<Scoring> {
  const tape = new Tape(model.device);
  const inputs = batchTensors(tape, bucket, model.batchOptions);
  const labels = tape.pinned([bucket.rows, columns], 'u32', 'predicted tokens');
  const places = state.inputs(tape, bucket.tokens);
  const hidden = model.forward(tape, inputs, { ...(adapter && { adapter }), state: places });
  const scores = logProbabilities(tape, hidden, model.headOf(tape, adapter), labels, { kept: true });
  return {
    plan: await model.device.compile(tape, model.pool),
    inputs,
    places,
    labels,
    logProbabilities: scores,
  };
}

/**
 * How many of the last tokens of each prompt, at most, go into the replay of its choices. All others are read before it, in parts of a fixed size: the
 * fewest tokens are computed then, padding included. A layer that keeps only the last tokens has to read all but the last one before.
 *
 * @param unread tokens of each prompt, without those that are known then
 */
function endsOf(unread: readonly number[], prompts: number, { rows }: GenerationState): number {
  const [part] = PREFILL_TOKENS;
  if (rows.recent > 0) return 1;
  let [best, least] = [1, Infinity];
  for (let ends = 1; ends <= part; ends++) {
    let computed = 0;
    for (let at = 0; at < unread.length; at += prompts) {
      const before = unread
        .slice(at, at + prompts)
        .reduce((sum, tokens) => sum + Math.max(0, tokens - ends), 0);
      computed += prompts * ends + part * Math.ceil(before / part);
    }
    if (computed < least) [best, least] = [ends, computed];
  }
  return best;
}

/**
 * Writes the last tokens of each prompt and the tokens of its choices, and what they predict. All other rows are padding.
 *
 * @param read how many tokens of each prompt are in the state already
 */
function write(
  { plan, inputs, places, labels }: Scoring,
  group: readonly Placed[],
  read: readonly number[],
  { rows: kept }: GenerationState,
): void {
  const M = inputs.ids.size;
  const R = inputs.rows.size;
  const columns = inputs.keyRanges.columns;
  const ids = new Uint32Array(M);
  const positions = new Uint32Array(M);
  const keyRanges = new Uint32Array(M * columns);
  const slotRows = new Uint32Array(M).fill(NO_ROW);
  const before = new Uint32Array(M * kept.recent).fill(NO_ROW);
  const rows = new Uint32Array(R).fill(NO_ROW);
  const predicted = new Uint32Array(labels.size).fill(NO_LABEL);
  let m = 0;
  let r = 0;
  group.forEach(({ ids: prompt, tree }, sequence) => {
    const begin = kept.rowOf(sequence, 0);
    const end = begin + prompt.length;
    /** @param seen starts and ends of the ranges of the state that it sees */
    const put = (id: number, position: number, slot: number, seen: readonly number[]): void => {
      ids[m] = id;
      positions[m] = position;
      slotRows[m] = slot;
      keyRanges.set(seen, m * columns);
      m++;
    };
    for (let at = read[sequence]; at < prompt.length; at++)
      put(prompt[at], at, begin + at, [begin, begin + at + 1]);
    /** The last token of the prompt. The tokens of choices follow it in the replay. */
    const last = m - 1;
    const paths: Path[] = [];
    tree.ids.forEach((id, at) => {
      const parent = paths[tree.before[at]] ?? { length: prompt.length, seen: [begin, end] };
      const near = tree.before[at] === at - 1;
      const slot = end + at;
      // A token right behind the one before it continues its range.
      const seen = near ? [...parent.seen.slice(0, -1), slot + 1] : [...parent.seen, slot, slot + 1];
      paths.push({ length: parent.length + 1, seen });
      put(id, parent.length, slot, seen);
    });
    if (kept.recent > 0)
      for (let at = -1; at < tree.ids.length; at++) {
        // The tokens before it: those of its choice, then the last one of the prompt and what the state has.
        let k = 0;
        let place = at;
        while (place >= 0 && k < kept.recent) {
          place = tree.before[place];
          before[(last + 1 + at) * kept.recent + k++] = last + 1 + place;
        }
        for (let back = 1; k < kept.recent && back < prompt.length; back++)
          before[(last + 1 + at) * kept.recent + k++] =
            M + kept.recentRowOf(sequence, prompt.length - 1 - back);
      }
    tree.predicted.forEach((next, at) => {
      rows[r] = last + at;
      predicted.set(next, r * labels.columns);
      r++;
    });
  });
  plan.write(inputs.ids, ids);
  plan.write(inputs.positions, positions);
  plan.write(inputs.keyRanges, keyRanges);
  plan.write(places.slots, slotRows);
  if (inputs.previous) plan.write(inputs.previous, before);
  // The state stays at the end of what was read of each prompt.
  if (places.recentSlots) plan.write(places.recentSlots, new Uint32Array(M).fill(NO_ROW));
  plan.write(inputs.rows, rows);
  plan.write(labels, predicted);
}

/** A token of a choice: tokens up to it, and what it sees. */
interface Path {
  readonly length: number;
  readonly seen: readonly number[];
}
