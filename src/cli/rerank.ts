/** A language model that ranks the chunks of a search again, for the commands. */
import { resolve } from 'node:path';
import type { Device } from '../engine/device.ts';
import { GraftError } from '../errors.ts';
import { questionLikelihoods } from '../evaluate/question-likelihood.ts';
import { plural } from '../numbers.ts';
import type { Ranked } from '../retrieval/ranking.ts';
import { rerank, RERANKED, type Reranked } from '../retrieval/rerank.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { Flags, type FlagSpec, type FlagSpecs } from './flags.ts';
import { formatSeconds, type Output } from './output.ts';
import { modelFlags, openSession, requiredTokenizer, type LoadedModel } from './session.ts';

export const rerankFlags = {
  rerank: {
    value: 'PATH',
    help: 'a language model that ranks the best chunks again: by how likely it finds the question after each of them; one that cannot read, such as Sprig, makes it worse',
  },
  'rerank-top': {
    value: 'N',
    help: `with --rerank: how many chunks are ranked again (default: ${RERANKED})`,
  },
} as const satisfies FlagSpecs;

type RerankFlags = Flags<
  Readonly<Record<keyof typeof rerankFlags | 'device' | 'threads' | 'kernels', FlagSpec>>
>;

/** @throws GraftError `arguments` for `--rerank-top` without `--rerank` */
export function checkRerankFlags(flags: Flags<Readonly<Record<keyof typeof rerankFlags, FlagSpec>>>): void {
  if (flags.isGiven('rerank-top') && !flags.isGiven('rerank'))
    throw new GraftError(
      'arguments',
      '--rerank-top is for the second ranking by a language model, and --rerank is missing.',
      '',
    );
}

export class Reranker {
  private constructor(
    /** Chunks of a ranking that are ranked again. */
    readonly top: number,
    private readonly session: LoadedModel,
    private readonly tokenizer: Tokenizer,
    private readonly output: Output,
  ) {}

  /**
   * @param opened the model that the call asks, if it asks one. The same path is not loaded again, and another one gets its device.
   * @returns undefined without `--rerank`
   * @throws GraftError `arguments`, and those of `openSession` and `requiredTokenizer`
   */
  static async open(flags: RerankFlags, output: Output, opened?: LoadedModel): Promise<Reranker | undefined> {
    checkRerankFlags(flags);
    const path = flags.text('rerank');
    if (path === undefined) return undefined;
    const top = flags.integer('rerank-top', 1) ?? RERANKED;
    const words = (['device', 'threads', 'kernels'] as const).flatMap((name) => {
      const value = flags.text(name);
      return value === undefined ? [] : [`--${name}=${value}`];
    });
    const session =
      opened && resolve(opened.files.name) === resolve(path)
        ? opened
        : await openSession(new Flags(modelFlags, [`--model=${path}`, ...words]), output, {
            device: opened?.device,
          });
    return new Reranker(top, session, await requiredTokenizer(session.files), output);
  }

  get device(): Device {
    return this.session.device;
  }

  /** The language model, as the flag names it. */
  get name(): string {
    return this.session.files.name;
  }

  /** @throws GraftError as `questionLikelihoods`, and the signal's reason */
  async rank(
    asked: readonly { readonly question: string; readonly ranking: readonly Ranked[] }[],
    textOf: (chunk: number) => string,
    signal?: AbortSignal,
  ): Promise<Reranked[][]> {
    const began = performance.now();
    const likelihoods = await questionLikelihoods(
      { model: this.session.model, tokenizer: this.tokenizer },
      asked.map(({ question, ranking }) => ({
        question,
        passages: ranking.slice(0, this.top).map(({ chunk }) => textOf(chunk)),
      })),
      (done, total) => {
        signal?.throwIfAborted();
        this.output.progress(`Ranked ${done} of ${plural(total, 'chunk')} again`);
      },
    );
    const ranked = likelihoods.reduce((sum, own) => sum + own.length, 0);
    this.output.line(
      `Ranked ${plural(ranked, 'chunk')} again by ${this.name} after ${formatSeconds((performance.now() - began) / 1000)}`,
    );
    return asked.map(({ ranking }, at) => rerank(ranking, likelihoods[at]));
  }
}
