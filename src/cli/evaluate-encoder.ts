/** The encoder of `graft evaluate --examples similar`: it finds the training rows that mean most nearly what a question means. */
import type { Device } from '../engine/device.ts';
import { GraftError } from '../errors.ts';
import type { EncoderPort } from '../evaluate/methods/method.ts';
import { plural } from '../numbers.ts';
import { askedExamples, type EvaluateFlags } from './evaluate-flags.ts';
import { encoderName, openEncoder, readEncoderFolder } from './open-encoder.ts';
import type { Output } from './output.ts';
import { encoderOf } from './passages.ts';

/** Flags about the encoder that examples use, also without an index. @throws GraftError `arguments` */
export function encoderFlagsOf(flags: EvaluateFlags): string[] {
  if (askedExamples(flags) !== 'similar') return [];
  if (!flags.isGiven('encoder'))
    throw new GraftError(
      'arguments',
      '--examples similar compares vectors, and --encoder is missing.',
      'Give the folder of an encoder, or choose the examples by words with --examples nearest.',
    );
  return ['encoder', 'encoder-adapter', 'prefix', 'pooling'];
}

/**
 * Opens the encoder once vectors are wanted.
 *
 * @param device that it runs on
 * @returns undefined for examples that need none
 * @throws GraftError `arguments`, and as `readEncoderFolder`
 */
export async function openExampleEncoder(
  flags: EvaluateFlags,
  output: Output,
  device: Device,
): Promise<(EncoderPort & { close(): void }) | undefined> {
  if (askedExamples(flags) !== 'similar') return undefined;
  const own = encoderOf(flags);
  const folder = await readEncoderFolder(own, output);
  let opened: ReturnType<typeof openEncoder> | undefined;
  return {
    name: encoderName(own),
    async embed(texts, signal) {
      const embedder = await (opened ??= openEncoder(folder, own, output, { device }));
      return embedder.embed(
        texts.map((text) => folder.idsOf(text).ids),
        {
          signal,
          onProgress: (done, total) => output.progress(`Vectors: ${done} of ${plural(total, 'text')}`),
        },
      );
    },
    close() {
      void opened?.then((embedder) => embedder.destroy());
    },
  };
}
