/** The vectors of chunks: those of an earlier index, if the text is the same, and the rest computed. */
import type { TextIds } from '../text/text-ids.ts';
import { SIGNALS } from './exit.ts';
import type { StoredIndex } from './index-folder.ts';
import type { FoundSources } from './index-sources.ts';
import { openEncoder, type EncoderFlags, type EncoderFolder } from './open-encoder.ts';
import { formatSeconds, type Output } from './output.ts';

/** Chunks after which an interrupted call has something to keep. */
const SLICE = 512;

export interface Embedded extends Pick<StoredIndex, 'documents' | 'chunks'> {
  readonly vectors: Float32Array<ArrayBuffer>;
  /** Chunks whose vector was there, and chunks whose vector was computed. */
  readonly kept: number;
  readonly computed: number;
  /** Chunks that are longer than the model reads. */
  readonly cut: number;
  /** Whether a signal ended the work: then documents that it had not reached are left out. */
  readonly stopped: boolean;
}

interface VectorSettings {
  readonly before: StoredIndex | undefined;
  readonly encoder: EncoderFolder;
  readonly flags: EncoderFlags;
}

/** @throws GraftError as `openEncoder` and `Embedder.embed` */
export async function withVectors(
  found: FoundSources,
  { before, encoder, flags }: VectorSettings,
  output: Output,
): Promise<Embedded> {
  const { size } = encoder;
  const known = new Map<string, Float32Array>();
  before?.chunks.forEach(({ text }, at) =>
    known.set(text, before.vectors!.subarray(at * size, (at + 1) * size)),
  );
  const texts = [...new Set(found.chunks.map(({ text }) => text).filter((text) => !known.has(text)))];
  const fresh = new Set(texts);
  const rows = texts.map(encoder.idsOf);
  const stopped = !(await embedAll({ texts, rows, encoder, flags, known }, output));

  const missing = stopped
    ? new Set(found.chunks.filter(({ text }) => !known.has(text)).map(({ file }) => file))
    : new Set<string>();
  const chunks = found.chunks.filter(({ file }) => !missing.has(file));
  const vectors = new Float32Array(chunks.length * size);
  chunks.forEach(({ text }, at) => vectors.set(known.get(text)!, at * size));
  const computed = chunks.filter(({ text }) => fresh.has(text)).length;
  const cutTexts = new Set(texts.filter((_, at) => rows[at].cut));
  return {
    chunks,
    documents: found.documents.filter(({ file }) => !missing.has(file)),
    vectors,
    kept: chunks.length - computed,
    computed,
    cut: chunks.filter(({ text }) => cutTexts.has(text)).length,
    stopped,
  };
}

interface Missing extends Omit<VectorSettings, 'before'> {
  readonly texts: readonly string[];
  readonly rows: readonly TextIds[];
  /** Gets the vectors. */
  readonly known: Map<string, Float32Array>;
}

/** @returns whether all texts have their vector, and not a signal ended the work */
async function embedAll({ texts, rows, encoder, flags, known }: Missing, output: Output): Promise<boolean> {
  const { size } = encoder;
  if (size === 0) for (const text of texts) known.set(text, new Float32Array());
  if (texts.length === 0 || size === 0) return true;
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  const embedder = await openEncoder(encoder, flags, output);
  const estimate = new Estimate(rows.reduce((sum, { ids }) => sum + ids.length, 0));
  for (const signal of SIGNALS) process.once(signal, stop);
  try {
    for (let start = 0; start < rows.length; start += SLICE) {
      const slice = rows.slice(start, start + SLICE).map(({ ids }) => ids);
      const sums = tokensDone(slice);
      const vectors = await embedder.embed(slice, {
        signal: controller.signal,
        onProgress: (done) =>
          output.progress(
            `Embedded ${start + done} of ${rows.length} chunks${estimate.left(estimate.before + sums[done])}`,
          ),
      });
      estimate.before += sums[slice.length];
      slice.forEach((_, at) => known.set(texts[start + at], vectors.subarray(at * size, (at + 1) * size)));
    }
    return true;
  } catch (error) {
    if (controller.signal.aborted && error === controller.signal.reason) return false;
    throw error;
  } finally {
    for (const signal of SIGNALS) process.off(signal, stop);
    output.clear();
    embedder.destroy();
  }
}

/** How many tokens the first texts of a call have, for each number of them: the longest are embedded first. */
function tokensDone(texts: readonly (readonly number[])[]): number[] {
  const sums = [0];
  const lengths = texts.map(({ length }) => length).sort((a, b) => b - a);
  for (const length of lengths) sums.push(sums[sums.length - 1] + length);
  return sums;
}

/** The time that is left, by tokens: short texts take less time than long ones. */
class Estimate {
  readonly #began = performance.now();
  /** Tokens of the slices that are complete. */
  before = 0;

  constructor(private readonly all: number) {}

  /** In words, for the end of a line of progress. */
  left(done: number): string {
    const seconds = (performance.now() - this.#began) / 1000;
    const rest = this.all - done;
    return rest > 0 ? `, about ${formatSeconds((seconds * rest) / done)} left` : '';
  }
}
