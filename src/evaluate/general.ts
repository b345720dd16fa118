/** The loss on a fixed general text, as a measure of forgetting. */
import { prepareRows, type PreparedRow } from '../data/prepare.ts';
import { BLANK, documentsOf } from '../data/documents.ts';
import { GraftError } from '../errors.ts';
import type { Tokenizer } from '../text/tokenizer.ts';

/** Rows of a general text are this long at most, so that its loss costs about as much as a few steps. */
const GENERAL_LENGTH = 256;
/** Entries of the vocabulary of the bundled model, which knows one made-up garden and no other English. */
const GARDEN_VOCABULARY = 1024;

/** The file of `public/texts` that suits a model. */
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
