/**
 * What learns in a run, as settings, page and trainer know it without the engine: an adapter of some kind, or weights of the model itself. Each has a
 * folder, and a line in learners.ts; what an adapter computes is its kind (kind.ts).
 */
import type { Contribution, Given } from '../settings/setting.ts';

/** What is said of a run by what learns in it. @param settings of the run by name, as far as they are known */
interface LearnerWords {
  /** Its name where a person chooses what learns: “LoRA adapter”. */
  readonly choice: string;
  /** What is trained, in short: “LoRA rank 8”, “norms and biases of the last 2 layers”. */
  trained(settings: Given): string;
  /** The start of a sentence that goes on with “your rows”. */
  learns(settings: Given): string;
  /** What a run of it is, in a sentence: “an adapter”, “a full fine-tuning”. */
  readonly run: string;
  /** What a run leaves. */
  readonly result: 'adapter' | 'model';
  /** Its memory in two parts: the weights of the base, and the rest of what it needs to learn. */
  readonly memory: { readonly base: string; readonly learning: string };
  /** What a reference policy is, unless a person chooses one. */
  reference(settings: Given): string;
}

export interface Learner extends Contribution {
  /** It trains weights of the model itself, on a copy that has gradients for them; an adapter is trained on a frozen base if left out. */
  readonly trainsModel?: true;
  readonly words: LearnerWords;
  /** How many tokens it puts before every sequence; none if left out. */
  virtualTokens?(settings: Given): number;
  /** The layers that it starts with on a model, if they depend on it. @param has whether a layer of the model has a path that ends so */
  targetsOn?(has: (end: string) => boolean): readonly string[];
}

/** The words of an adapter with this label. @param hasRank whether its settings have a rank */
export const adapterWords = (label: string, { hasRank = false } = {}): LearnerWords => ({
  choice: `${label} adapter`,
  trained: ({ rank }) => (hasRank ? `${label} rank ${String(rank)}` : label),
  learns: ({ start }) =>
    start
      ? `A copy of the adapter “${(start as { readonly name: string }).name}” learns`
      : `An adapter (${label}) is grafted on the model and learns`,
  run: 'an adapter',
  result: 'adapter',
  memory: { base: 'base model', learning: 'adapter and optimiser' },
  reference: ({ start, initAdapter }) =>
    (start ?? initAdapter)
      ? 'the adapter that the run starts from, as it is now'
      : 'the base model, with the adapter off',
});
