/** Embeddings of `graft serve`: vectors of texts by an encoder, in OpenAI's shapes. */
import type { Embedder } from '../model/embedder.ts';
import { plural } from '../numbers.ts';
import type { EncoderFolder } from './open-encoder.ts';
import { RequestError } from './serve-errors.ts';
import type { Reply } from './serve-http.ts';
import type { ServeQueue } from './serve-queue.ts';
import { readEmbedding } from './serve-requests.ts';
import { unknownModel } from './serve-texts.ts';

export interface EmbeddingModel {
  readonly name: string;
  readonly embedder: Embedder;
}

export class EmbeddingService {
  readonly #models: ReadonlyMap<string, Embedder>;
  /** The requests run one after the other: a plan has one set of inputs. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly folder: EncoderFolder,
    models: readonly EmbeddingModel[],
    private readonly queue: ServeQueue,
  ) {
    this.#models = new Map(models.map(({ name, embedder }) => [name, embedder]));
  }

  /** POST /v1/embeddings. @throws RequestError, GraftError `token-id`, `engine-…` */
  async embed(
    body: unknown,
    { signal, note }: { readonly signal: AbortSignal; readonly note: (text: string) => void },
  ): Promise<Reply> {
    const { model, input, isBase64, dimensions } = readEmbedding(body);
    const embedder = this.#models.get(model);
    if (!embedder) throw unknownModel(model);
    const { size } = embedder;
    if (dimensions !== undefined && dimensions !== size)
      throw new RequestError(400, `This model's vectors have ${size} numbers, and no other size.`, {
        param: 'dimensions',
        code: 'unsupported_value',
      });
    const texts = input.map((one) => this.#idsOf(one));
    note(model);
    const leave = this.queue.enter(1);
    const turn = this.#last.then(() => embedder.embed(texts, { signal })).finally(leave);
    this.#last = turn.catch(() => undefined);
    const vectors = await turn;
    const tokens = texts.reduce((sum, { length }) => sum + length, 0);
    note(`${plural(texts.length, 'text')}, ${tokens} tokens`);
    return {
      json: {
        object: 'list',
        data: texts.map((_, index) => {
          const vector = vectors.subarray(index * size, (index + 1) * size);
          return { object: 'embedding', index, embedding: isBase64 ? base64(vector) : [...vector] };
        }),
        model,
        usage: { prompt_tokens: tokens, total_tokens: tokens },
      },
    };
  }

  /** @throws RequestError 400 for a text that is longer than the window: it is not cut unasked */
  #idsOf(text: string | readonly number[]): readonly number[] {
    const { tokenizer, prefix, window } = this.folder;
    const ids = typeof text === 'string' ? tokenizer.encode(prefix + text, { addSpecialTokens: true }) : text;
    if (ids.length > window)
      throw new RequestError(
        400,
        `This model's maximum context length is ${window} tokens, however you requested ${ids.length} tokens. Please reduce the length of the input.`,
        { param: 'input', code: 'context_length_exceeded' },
      );
    return ids;
  }
}

/** Little-endian f32. */
function base64(vector: Float32Array): string {
  const bytes = Buffer.alloc(4 * vector.length);
  vector.forEach((value, at) => bytes.writeFloatLE(value, 4 * at));
  return bytes.toString('base64');
}
