/** Passages of an index in prompts, for the commands that ask a language model: their flags, the search, and what an answer says of them. */
import { GraftError } from '../errors.ts';
import { decodeUtf8 } from '../json.ts';
import { plural } from '../numbers.ts';
import { isFromPassages, readAnswer } from '../retrieval/cited.ts';
import { PassagesTemplate, type Fitted, type PassageSource } from '../retrieval/passages-prompt.ts';
import { SEARCH_METHODS, type SearchMethod } from '../retrieval/ranking.ts';
import type { QuestionLikelihood, Reranked } from '../retrieval/rerank.ts';
import { readWhole } from './files.ts';
import { Flags, underFlag, type FlagSpec, type FlagSpecs } from './flags.ts';
import type { ChunkEntry } from './index-folder.ts';
import { encoderFlags } from './open-encoder.ts';
import { IndexSearch } from './open-search.ts';
import type { Output } from './output.ts';
import { checkRerankFlags, Reranker, rerankFlags } from './rerank.ts';
import { placeInWords, searchFlags } from './search.ts';
import type { LoadedModel } from './session.ts';

const TOP = 5;

export const passageFlags = underFlag('Passages of documents', {
  index: {
    value: 'DIR',
    help: 'the folder of an index that graft index made: its best passages stand before each question',
  },
  encoder: {
    value: 'DIR',
    help: 'the encoder that the index was made with; bm25 needs none',
  },
  'encoder-adapter': {
    value: 'DIR',
    help: 'the PEFT adapter of the encoder, if the index was made with one',
  },
  prefix: searchFlags.prefix,
  pooling: encoderFlags.pooling,
  method: {
    value: SEARCH_METHODS.join('|'),
    help: 'how passages are searched: by meaning, by words, or by both (default: cosine with --encoder, else bm25)',
  },
  top: { value: 'N', help: `passages before each question at most (default: ${TOP})` },
  ...rerankFlags,
  file: searchFlags.file,
  'passages-template': {
    value: 'FILE',
    help: 'the prompt as a Jinja template of question, passages (number, file, page, start, end, text) and refusal (default: the one in the documentation)',
  },
} as const satisfies FlagSpecs);

type PassageFlags = Flags<typeof passageFlags & Readonly<Record<'device' | 'threads' | 'kernels', FlagSpec>>>;

/** A passage that a search has found. */
export interface FoundPassage extends PassageSource, QuestionLikelihood {
  readonly score: number;
}

/** The search of a call with `--index`. */
export class Passages {
  private constructor(
    readonly template: PassagesTemplate,
    /** Passages of a question at most. */
    readonly top: number,
    private readonly search: IndexSearch,
    /** Ranks the best passages again, if that is asked for. */
    readonly reranker: Reranker | undefined,
    private readonly output: Output,
  ) {}

  /**
   * @param session the model that the call asks, on whose device the encoder runs
   * @returns undefined without `--index`
   * @throws GraftError `arguments`, `passages-template`, `file-missing`, and those of `Reranker.open` and `IndexSearch.open`
   */
  static async open(
    flags: PassageFlags,
    output: Output,
    session?: LoadedModel,
  ): Promise<Passages | undefined> {
    const index = checkPassageFlags(flags);
    if (index === undefined) return undefined;
    const template = await readPassagesTemplate(flags);
    const top = flags.integer('top', 1) ?? TOP;
    const plan = { method: searchMethodOf(flags), files: flags.text('file'), encoder: encoderOf(flags) };
    const reranker = await Reranker.open(flags, output, session);
    const device = session?.device ?? reranker?.device;
    const search = await IndexSearch.open(index, { ...plan, device }, output);
    return new Passages(template, top, search, reranker, output);
  }

  get method(): SearchMethod {
    return this.search.method;
  }

  get chunks(): readonly ChunkEntry[] {
    return this.search.chunks;
  }

  /** The best passages for each question, best first. @throws GraftError as `IndexSearch.embed` and `Reranker.rank`, and the signal's reason */
  async find(questions: readonly string[], signal?: AbortSignal): Promise<FoundPassage[][]> {
    return (await this.rank(questions, this.top, signal)).map((ranking) =>
      ranking.map(({ chunk, ...scores }) => ({ ...this.search.chunks[chunk], ...scores })),
    );
  }

  /** The places of the best chunks for each question, best first. @param max for each question @throws as {@link find} */
  async rank(questions: readonly string[], max: number, signal?: AbortSignal): Promise<Reranked[][]> {
    const { search, reranker } = this;
    const asked: { question: string; ranking: Reranked[] }[] = [];
    for (const one of await search.embed(questions, this.output, signal))
      asked.push({ question: one.text, ranking: await search.find(one, Math.max(max, reranker?.top ?? 0)) });
    if (!reranker) return asked.map(({ ranking }) => ranking);
    const rankings = await reranker.rank(asked, (chunk) => search.chunks[chunk].text, signal);
    return rankings.map((ranking) => ranking.slice(0, max));
  }

  close(): void {
    this.search.close();
  }
}

/** @param others flags that the call has another use for @returns the folder of the index @throws GraftError `arguments` for a flag that needs `--index`, or an encoder that is missing */
export function checkPassageFlags(
  flags: Flags<typeof passageFlags>,
  others: readonly string[] = [],
): string | undefined {
  const index = flags.text('index');
  const idle = (Object.keys(passageFlags) as (keyof typeof passageFlags)[]).find(
    (name) => flags.isGiven(name) && !others.includes(name),
  );
  if (index === undefined && idle !== undefined)
    throw new GraftError(
      'arguments',
      `--${idle} is for the passages of an index, and --index is missing.`,
      '',
    );
  if (index === undefined) return undefined;
  checkRerankFlags(flags);
  const method = searchMethodOf(flags);
  if (method !== 'bm25' && flags.text('encoder') === undefined)
    throw new GraftError(
      'arguments',
      `--method ${method} compares vectors, and --encoder is missing.`,
      'Give the encoder that the index was made with, or search with --method bm25.',
    );
  return index;
}

const searchMethodOf = (flags: Flags<typeof passageFlags>): SearchMethod =>
  flags.choice('method', SEARCH_METHODS) ?? (flags.isGiven('encoder') ? 'cosine' : 'bm25');

/** @throws GraftError `passages-template`, `file-missing` */
export async function readPassagesTemplate(flags: Flags<typeof passageFlags>): Promise<PassagesTemplate> {
  const path = flags.text('passages-template');
  return path === undefined
    ? new PassagesTemplate()
    : new PassagesTemplate(decodeUtf8(await readWhole(path), path));
}

/** The flags that open the encoder: in this call its folder is not `--model`. */
export function encoderOf(flags: PassageFlags): Flags<typeof encoderFlags> {
  const names = [
    ['model', 'encoder'],
    ['adapter', 'encoder-adapter'],
    ['prefix', 'prefix'],
    ['pooling', 'pooling'],
    ['device', 'device'],
    ['threads', 'threads'],
    ['kernels', 'kernels'],
  ] as const;
  const words = names.flatMap(([name, given]) => {
    const value = flags.text(given);
    return value === undefined ? [] : [`--${name}=${value}`];
  });
  return new Flags(encoderFlags, words);
}

/** What did not fit into the prompt, in sentences; none if all of it did. */
export function passagesLeftOutInWords({ leftOut, cut }: Fitted): string[] {
  return [
    ...(leftOut.length > 0
      ? [
          `${plural(leftOut.length, 'passage is', 'passages are')} left out, since the prompt has no room: ${leftOut.map(placeInWords).join('; ')}.`,
        ]
      : []),
    ...(cut > 0
      ? [`The best passage is too long for the prompt, and loses ${plural(cut, 'character')} at its end.`]
      : []),
  ];
}

/** The passages of a prompt for a person to read, below an answer. */
export function sourcesText(answer: string, { sources }: Fitted): string {
  const { cited, unknown } = readAnswer(answer, sources);
  if (sources.length === 0) return '\nNo passage was found.\n';
  const lines = sources.map((source, at) => {
    const mark = cited.includes(at + 1) ? '' : ' (not named in the answer)';
    return `[${at + 1}] ${placeInWords(source)}${mark}\n`;
  });
  const none = unknown.map((number) => `[${number}] There is no such passage.\n`);
  return `\n${lines.join('')}${none.join('')}`;
}

/** The same as JSON. */
export function sourcesRecord(answer: string, { sources, leftOut, cut }: Fitted): object {
  const { cited, unknown, quotes, refused } = readAnswer(answer, sources);
  return {
    passages: sources.map((source, at) => {
      const { id, file, page, start, end, text } = source;
      const { score, likelihood }: Partial<FoundPassage> = source;
      return {
        ...{ number: at + 1, id, file },
        ...(page !== null && { page }),
        ...{ start, end, score, ...(likelihood !== undefined && { likelihood }) },
        ...{ cited: cited.includes(at + 1), text },
      };
    }),
    left_out: leftOut.map(({ id }) => id),
    ...(cut > 0 && { cut_characters: cut }),
    cited,
    ...(unknown.length > 0 && { unknown_marks: unknown }),
    quotes: quotes.map(({ text, passage }) => ({ text, passage })),
    refused,
    from_passages: !refused && isFromPassages(answer, sources),
  };
}
