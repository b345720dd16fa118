/** What is asked of a generation, and what a model and a device allow. */
import type { Device } from '../engine/device.ts';
import { GraftError } from '../errors.ts';
import type { TokenConstraint } from './allowed-tokens.ts';
import { stateBytes } from './generation-state.ts';
import type { AdapterHooks } from './graph.ts';
import type { LanguageModel } from './language-model.ts';
import type { Candidate, Sampling } from './sampling.ts';
import type { Generated } from './sequence.ts';
import { roomFor } from './virtual-tokens.ts';

export interface GenerateOptions {
  readonly maxNewTokens: number;
  readonly sampling: Sampling;
  readonly seed: number;
  /** A seed for each sequence, if its draws should not depend on its index among the prompts. */
  readonly seeds?: readonly number[];
  /** Ids that end a sequence; they are not part of the result. */
  readonly stopIds: readonly number[];
  readonly adapter?: AdapterHooks;
  /** Makes what one sequence may write; any token if left out. */
  readonly constraint?: () => TokenConstraint;
  readonly signal?: AbortSignal;
  /** How many candidates `onToken` gets, at most 20; none if left out. */
  readonly candidates?: number;
  /**
   * Called with each new token and the tokens that were most likely in its place, by the model's own logits at temperature 1, most likely
   * first; a true result ends this sequence, with the token kept.
   */
  readonly onToken?: (sequence: number, id: number, candidates: readonly Candidate[]) => boolean | void;
  /** Called when a sequence has ended, with the seconds since it got its place. */
  readonly onEnd?: (sequence: number, generated: Generated, seconds: number) => void;
}

/**
 * Tokens in flight at once: the one that is read and those that run meanwhile. All but one are wasted when a sequence stops. On a GPU a readback can
 * take longer than a token; on a processor a wasted token costs as much as any.
 */
const IN_FLIGHT = { gpu: 3, software: 2, processor: 1 };

/** How many tokens of a sequence a device should have in flight. */
export function tokensInFlight({ software, processor }: Pick<Device, 'software' | 'processor'>): number {
  return IN_FLIGHT[processor ? 'processor' : software ? 'software' : 'gpu'];
}

/**
 * Sequences that are generated at once if nobody chose a number. With SmolLM2-135M from its Q4_1 file, two threads of a processor take 49 ms for a token of one,
 * 22 ms of eight and 15 ms of sixteen.
 */
const AT_ONCE = { processor: 16, gpu: 8 };
/** The most bytes of what the layers keep of their tokens. */
const MAX_CACHE_BYTES = 256 * 2 ** 20;

/** How many of some sequences to generate at once: at least one, and no more than a modest cache holds. @param maxLength tokens of a sequence, prompt included */
export function sequencesAtOnce(model: LanguageModel, sequences: number, maxLength: number): number {
  const max = AT_ONCE[model.device.processor ? 'processor' : 'gpu'];
  return Math.max(1, Math.min(sequences, max, Math.floor(MAX_CACHE_BYTES / stateBytes(model, 1, maxLength))));
}

/** How many of the answers of a step to sample at once: all of them, unless their cache would be too large. */
export function sampledAtOnce(
  model: LanguageModel,
  { answers, maxLength }: { readonly answers: number; readonly maxLength: number },
): number {
  const rounds = Math.ceil(stateBytes(model, answers, maxLength) / MAX_CACHE_BYTES);
  return Math.max(1, Math.ceil(answers / rounds));
}

/**
 * Checks that a model can continue a prompt.
 *
 * @param maxLength longest sequence, virtual tokens included
 * @throws GraftError `prompt-length`, `token-id`, `sequence-length`
 */
export function checkPrompt(
  model: LanguageModel,
  prompt: readonly number[],
  maxLength: number,
  adapter: AdapterHooks | undefined,
): void {
  model.checkIds(prompt, adapter && { vocabulary: adapter.vocabulary });
  if (prompt.length === 0)
    throw new GraftError(
      'prompt-length',
      'The prompt has no tokens.',
      'Write something, or use a model with a start token.',
    );
  const room = roomFor(maxLength, adapter);
  if (prompt.length >= room) {
    throw new GraftError(
      'prompt-length',
      `The prompt has ${prompt.length} tokens, and there is room for ${Math.max(0, room)} with the answer.`,
      'Shorten the prompt.',
    );
  }
}
