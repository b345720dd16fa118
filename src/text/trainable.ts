/** What one training row is made from. data/ reads files into these; loss-mask.ts makes token rows of them. */

export interface TrainableMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
  /** false: an assistant's turn that is context only. Default: every assistant's turn is learnt from. */
  readonly supervised?: boolean;
}

export type Trainable =
  | { readonly kind: 'messages'; readonly messages: readonly TrainableMessage[] }
  | {
      readonly kind: 'completion';
      readonly prompt: string;
      readonly completion: string;
      /** Between the two where no chat template puts anything there; belongs to the prompt. Default ''. */
      readonly separator?: string;
    }
  | {
      readonly kind: 'text';
      readonly text: string;
      /** A whole document: cut into rows instead of being cut off at the limit. */
      readonly document?: boolean;
    }
  | { readonly kind: 'tokens'; readonly ids: readonly number[]; readonly labels: readonly number[] };

/** As Hugging Face has it: position t predicts labels[t + 1]; -100 is not supervised. */
export const IGNORED = -100;

export interface TokenRow {
  readonly ids: readonly number[];
  /** As long as ids; each the id at its place, or {@link IGNORED}. The first is always ignored: nothing predicts it. */
  readonly labels: readonly number[];
}

/** How many tokens of a row are learnt from. */
export function supervisedCount({ labels }: TokenRow): number {
  let count = 0;
  for (let t = 1; t < labels.length; t++) if (labels[t] !== IGNORED) count++;
  return count;
}
