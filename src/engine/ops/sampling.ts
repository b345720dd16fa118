/** The next token of each sequence, chosen on the device. S sequences, V tokens in the vocabulary. */
import { operationKind } from '../operation.ts';
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';

/** The most tokens with their probabilities that can be asked for next to the chosen one. */
export const MAX_CANDIDATES = 20;
/** Words of a record before the candidates: the chosen token, the best score, and the chosen token's distance from the most likely one. */
export const CANDIDATES_AT = 3;
/** Words that the host reads for each sequence. */
export const RECORD_WORDS = CANDIDATES_AT + 2 * MAX_CANDIDATES;
const SETTINGS_WORDS = 8;
const NONE = 0xffffffff;
/** A draw of a sequence that has ended: nothing is chosen for it. */
export const NO_DRAW = -1;

/** How to choose; model/sampling.ts explains the numbers. */
interface SamplingSettings {
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  readonly repetitionPenalty: number;
  /** How many of the most likely tokens to report, at most `MAX_CANDIDATES`. */
  readonly candidates: number;
}

/** The tensors that sampling reads and writes, apart from the logits. All are inputs and outputs of the plan. */
export interface SamplingTensors {
  /** u32 [S, 8]: `encodeSettings` of each sequence. */
  readonly settings: Tensor;
  /** f32 [S]: a number in [0, 1) for each sequence, or NO_DRAW. */
  readonly draws: Tensor;
  /** u32 [S, ⌈V / 32⌉]: a bit for each token that occurred, from `markSeen`. The chosen token's is set. */
  readonly seen: Tensor;
  /** u32 [S, RECORD_WORDS], for `readRecord`. */
  readonly picked: Tensor;
}

/** New pinned tensors for sampling, in the shapes that `SamplingTensors` gives; `sequences` is S, `vocabulary` is V. */
export function samplingTensors(tape: Tape, sequences: number, vocabulary: number): SamplingTensors {
  return {
    settings: tape.pinned([sequences, SETTINGS_WORDS], 'u32', 'sampling settings'),
    draws: tape.pinned([sequences], 'f32', 'draws'),
    seen: tape.pinned([sequences, Math.ceil(vocabulary / 32)], 'u32', 'tokens that occurred'),
    picked: tape.pinned([sequences, RECORD_WORDS], 'u32', 'chosen tokens'),
  };
}

/** Chooses a token for each row of logits [S, pitch], of which the first `vocabulary` columns count. The roles are those of `sample`. */
export const samplingKind = operationKind<
  { logits: Tensor; settings: Tensor; draws: Tensor; seen: Tensor; ids: Tensor; picked: Tensor },
  { vocabulary: number }
>('sampling');

/**
 * Chooses a token for each row of logits.
 *
 * @param logits f32 [S, pitch], of which the first `vocabulary` columns count
 * @param ids u32 [S]: where the chosen tokens go
 */
export function sample(
  tape: Tape,
  logits: Tensor,
  vocabulary: number,
  ids: Tensor,
  { settings, draws, seen, picked }: SamplingTensors,
): void {
  tape.append(samplingKind, { logits, settings, draws, seen, ids, picked }, { vocabulary });
}

/** The settings of each sequence as the kernels read them: u32 [S, 8]. */
export function encodeSettings(sequences: readonly SamplingSettings[]): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(sequences.length * SETTINGS_WORDS);
  const floats = new Float32Array(words.buffer);
  sequences.forEach(({ temperature, topP, minP, repetitionPenalty, topK, candidates }, row) => {
    floats.set([temperature, topP, minP, repetitionPenalty], row * SETTINGS_WORDS);
    words.set([Math.min(topK, NONE), candidates], row * SETTINGS_WORDS + 4);
  });
  return words;
}

/** Marks ids in a row of `seen`. */
export function markSeen(row: Uint32Array, ids: Iterable<number>): void {
  for (const id of ids) row[id >>> 5] |= 1 << (id & 31);
}

/** What was chosen for a sequence. */
export interface Picked {
  /** Undefined if the best score is no finite number. */
  readonly id: number | undefined;
  /** After the repetition penalty. */
  readonly bestScore: number;
  /** The most likely tokens by the logits alone, most likely first. */
  readonly candidates: readonly { readonly id: number; readonly probability: number }[];
  /** Natural logarithm of the chosen token's probability by the logits only; undefined without candidates. */
  readonly logProbability: number | undefined;
}

/** Reads the record of sequence `row`. */
export function readRecord(records: ArrayBuffer, row: number, candidates: number): Picked {
  const words = new Uint32Array(records, row * RECORD_WORDS * 4, RECORD_WORDS);
  const floats = new Float32Array(records, row * RECORD_WORDS * 4, RECORD_WORDS);
  const likely = Array.from({ length: candidates }, (_, n) => ({
    id: words[CANDIDATES_AT + 2 * n],
    probability: floats[CANDIDATES_AT + 2 * n + 1],
  })).filter(({ id }) => id !== NONE);
  return {
    id: words[0] === NONE ? undefined : words[0],
    bestScore: floats[1],
    candidates: likely,
    logProbability: likely.length > 0 ? floats[2] + Math.log(likely[0].probability) : undefined,
  };
}
