/** A language model that ranks the chunks of a search again, for the commands. */
import type { Device } from '../engine/device.ts';
import { GraftError } from '../errors.ts';
import { questionLikelihoods } from '../evaluate/question-likelihood.ts';
import { plural } from '../numbers.ts';
import type { Ranked } from '../retrieval/ranking.ts';
import { rerank, RERANKED, type Reranked } from '../retrieval/rerank.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { Flags, type FlagSpec } from './flags.ts';
import { formatSeconds, type Output } from './output.ts';
import { modelFlags, openSession, requiredTokenizer, type Session } from './session.ts';

type RerankFlags = Flags<
  Readonly<Record<'rerank' | 'rerank-top' | 'device' | 'threads' | 'kernels', FlagSpec>>
>;

export class Reranker {
  private constructor(
    /** Chunks of a ranking that are ranked again. */
    readonly top: number,
    private readonly session: Session,
    private readonly tokenizer: Tokenizer,
    private readonly output: Output,
  ) {}

  /** @returns undefined without `--rerank` @throws GraftError `arguments`, and those of `openSession` and `requiredTokenizer` */
  static async open(flags: RerankFlags, output: Output): Promise<Reranker | undefined> {
    const path = flags.text('rerank');
    if (path === undefined) {
      if (flags.isGiven('rerank-top'))
        throw new GraftError(
          'arguments',
          '--rerank-top is for the second ranking by a language model, and --rerank is missing.',
          '',
        );
      return undefined;
    }
    const top = flags.integer('rerank-top', 1) ?? RERANKED;
    const words = (['device', 'threads', 'kernels'] as const).flatMap((name) => {
      const value = flags.text(name);
      return value === undefined ? [] : [`--${name}=${value}`];
    });
    const session = await openSession(new Flags(modelFlags, [`--model=${path}`, ...words]), output);
    return new Reranker(top, session, await requiredTokenizer(session.files), output);
  }

  get device(): Device {
    return this.session.device;
  }

  /** @throws GraftError as `questionLikelihoods` */
  async rank(
    asked: readonly { readonly question: string; readonly ranking: readonly Ranked[] }[],
    textOf: (chunk: number) => string,
  ): Promise<Reranked[][]> {
    const began = performance.now();
    const likelihoods = await questionLikelihoods(
      { model: this.session.model, tokenizer: this.tokenizer },
      asked.map(({ question, ranking }) => ({
        question,
        passages: ranking.slice(0, this.top).map(({ chunk }) => textOf(chunk)),
      })),
      (done, total) => this.output.progress(`Ranked ${done} of ${plural(total, 'chunk')} again`),
    );
    const ranked = likelihoods.reduce((sum, own) => sum + own.length, 0);
    this.output.line(
      `Ranked ${plural(ranked, 'chunk')} again by ${this.session.files.name} after ${formatSeconds((performance.now() - began) / 1000)}`,
    );
    return asked.map(({ ranking }, at) => rerank(ranking, likelihoods[at]));
  }
}
