/** The loss on a fixed general text: what a model still knows after it was tuned. */
import { prepareRows, type PreparedRow } from '../data/prepare.ts';
import { BLANK, documentsOf } from '../data/documents.ts';
import { GraftError } from '../errors.ts';
import type { Tokenizer } from '../text/tokenizer.ts';

/** Rows of a general text are this long at most, so that its loss costs about as much as a few steps. */
const GENERAL_LENGTH = 256;
/** Entries of the vocabulary of the bundled model, which knows one made-up garden and no other English. */
const GARDEN_VOCABULARY = 1024;

/** The file of `public/texts` that a model should know. */
export const generalTextOf = ({ vocabulary }: { readonly vocabulary: number }): string =>
  vocabulary === GARDEN_VOCABULARY ? 'garden.txt' : 'general.txt';

/**
 * The rows of a general text: each paragraph is a document, with a loss on all of it.
 *
 * @throws GraftError `data-rows` for a text without any
 */
export function generalRows(text: string, tokenizer: Tokenizer, maxPositions: number): PreparedRow[] {
  const examples = documentsOf(text.replaceAll('\r\n', '\n'), BLANK).map(({ line, text: whole }) => ({
    ...{ kind: 'text' as const, text: whole, document: true, line },
  }));
  const { rows } = prepareRows(examples, tokenizer, { maxLength: Math.min(GENERAL_LENGTH, maxPositions) });
  if (rows.length === 0)
    throw new GraftError('data-rows', 'The general text is empty.', 'Give a text file with some paragraphs.');
  return rows;
}

/** How the loss on a general text changed over a run. */
export interface Forgetting {
  /** Mean cross-entropy for each token, in nats. */
  readonly before: number;
  readonly after: number;
}

/** A loss that grew by less than this is called the same. */
const NOTICEABLE = 0.02;

/** In a sentence, without its full stop. */
export function forgettingInWords({ before, after }: Forgetting): string {
  const [from, to] = [before, after].map((loss) => Math.exp(loss).toPrecision(3));
  const change = after - before;
  const said =
    change > NOTICEABLE
      ? 'it forgot some of it'
      : change < -NOTICEABLE
        ? 'it knows it better now'
        : 'nothing was forgotten to speak of';
  return `loss on general text ${before.toFixed(4)} → ${after.toFixed(4)} (perplexity ${from} → ${to}): ${said}`;
}
