/**
 * What patterns.ts lets through can still take the fourth power of a text's length. Before a tokenizer gets a person's data, it splits
 * ordinary text and runs of ordinary characters, longer and longer: where that is slow, it is refused. The first are so short that even
 * the fifth power is over in a second, and each is twice as long as the one before, so that none takes much longer than what is refused.
 */
import type { Tokenizer as Library } from '@huggingface/tokenizers';
import { GraftError, messageOf } from '../errors.ts';

const REMEDY = 'Use the tokenizer files that the model was published with.';

const LENGTHS = [32, 64, 128, 256, 512, 1024, 2048];
/** Tokenizers in use take under 2 ms. */
const MAX_MILLISECONDS = 300;
/** A busy machine makes a run slow, not each of several. */
const TRIES = 3;

const SAMPLES = [
  'Once upon a time, there was a little girl named Lily. She was 3 years old!\n\n',
  'a',
  'A',
  ' ',
  '\n',
  '1',
  '.',
  'é',
  '中',
];

function splitMilliseconds(library: Library, text: string, where: string): number {
  const started = performance.now();
  try {
    const normal = library.normalizer ? library.normalizer.normalize(text) : text;
    library.pre_tokenizer?.pre_tokenize(normal, { section_index: 0 });
  } catch (cause) {
    throw new GraftError('tokenizer-file', `${where} cannot split a text: ${messageOf(cause)}.`, REMEDY, {
      cause,
    });
  }
  return Math.round(performance.now() - started);
}

/** Throws `tokenizer-pattern` where splitting up to 2,048 characters takes more than 0.3 seconds, three times in a row. */
export function checkSpeed(library: Library, where: string): void {
  for (const length of LENGTHS) {
    for (const sample of SAMPLES) {
      const text = sample.repeat(Math.ceil(length / sample.length)).slice(0, length);
      let milliseconds = Infinity;
      for (let i = 0; i < TRIES && milliseconds > MAX_MILLISECONDS; i++) {
        milliseconds = splitMilliseconds(library, text, where);
      }
      if (milliseconds <= MAX_MILLISECONDS) continue;
      throw new GraftError(
        'tokenizer-pattern',
        `${where} takes ${milliseconds} ms to split a text of ${length} characters.`,
        REMEDY,
      );
    }
  }
}
