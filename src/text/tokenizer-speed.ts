/**
 * What patterns.ts lets through can still take the fourth power of a text's length. Before a tokenizer gets a person's data, it splits
 * ordinary text and runs of ordinary characters, longer and longer: where that is slow, it is refused. The first are so short that even
 * the fifth power is over in a second.
 */
import type { Tokenizer as Library } from '@huggingface/tokenizers';
import { GraftError, messageOf } from '../errors.ts';

const LENGTHS = [32, 128, 512, 2048];
/** Tokenizers in use take under 2 ms, on a machine that is busy 10. */
const MAX_MILLISECONDS = 500;

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

/** Throws `tokenizer-pattern` where splitting up to 2,048 characters takes more than half a second. */
export function checkSpeed(library: Library, where: string): void {
  for (const length of LENGTHS) {
    for (const sample of SAMPLES) {
      const text = sample.repeat(Math.ceil(length / sample.length)).slice(0, length);
      const started = performance.now();
      try {
        const normal = library.normalizer ? library.normalizer.normalize(text) : text;
        library.pre_tokenizer?.pre_tokenize(normal, { section_index: 0 });
      } catch (cause) {
        throw new GraftError('tokenizer-file', `${where} cannot split a text: ${messageOf(cause)}.`, REMEDY, {
          cause,
        });
      }
      const milliseconds = Math.round(performance.now() - started);
      if (milliseconds > MAX_MILLISECONDS) {
        throw new GraftError(
          'tokenizer-pattern',
          `${where} takes ${milliseconds} ms to split a text of ${length} characters.`,
          REMEDY,
        );
      }
    }
  }
}

const REMEDY = 'Use the tokenizer files that the model was published with.';
