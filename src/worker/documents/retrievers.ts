/** Encoders that are tuned on the questions of a project: the rows of a run, and what each finds for the questions that are held out. */
import { GraftError } from '../../errors.ts';
import type { Interval } from '../../evaluate/bootstrap.ts';
import { meanOf, rowIntervals, type Statistic } from '../../evaluate/intervals.ts';
import { hashOf } from '../../model/content.ts';
import { plural } from '../../numbers.ts';
import { keyOf, assignSides, type Sides } from '../../retrieval/question-sides.ts';
import type { PassageSource } from '../../retrieval/passages-prompt.ts';
import { measure, RECALL_RANKS, Relevance } from '../../retrieval/relevance.ts';
import { makeRetrieverRows, type PlacedQuestion, type RetrieverRow } from '../../retrieval/retriever-rows.ts';
import type { DocumentQuestion, RetrieverMeasure, RetrieverScore } from '../api.ts';
import { missingProject } from '../projects/projects.ts';
import type { DocumentLibrary } from './library.ts';
import type { IndexWatch } from './ports.ts';
import type { DocumentSettings } from './settings.ts';

/** What a question gets of an encoder: recall at each of the ranks, and the reciprocal rank. */
type Scores = readonly number[];

/** Scores by the questions' keys, of an encoder with an adapter or without. */
interface KeptMeasure {
  readonly adapter?: string | undefined;
  readonly scores: Readonly<Record<string, Scores>>;
}

/** What is kept of a project. */
export interface KeptRetrievers extends Sides {
  /** Identifies what the measures are of: the encoder, the chunks and the questions. */
  readonly on: string;
  readonly measures: readonly KeptMeasure[];
}

const NOTHING: KeptRetrievers = { trained: [], held: [], on: '', measures: [] };

/** The stored part of a project. */
export interface RetrieverStore {
  read(projectId: string): Promise<KeptRetrievers | undefined>;
  /** Changes it in one step. @returns undefined if there is no such project */
  change(
    projectId: string,
    change: (kept: KeptRetrievers | undefined) => KeptRetrievers,
  ): Promise<KeptRetrievers | undefined>;
}

/** The encoder of an index. */
export type IndexEncoder = NonNullable<DocumentSettings['encoder']>;

/** A question with its passage, and its side. */
interface Sided extends PlacedQuestion {
  readonly key: string;
  readonly isHeld: boolean;
}

/** The questions of a project and its index. */
export interface RetrieverGround {
  readonly encoder: IndexEncoder;
  readonly sources: readonly PassageSource[];
  readonly questions: readonly Sided[];
  /** Approved questions of which no chunk holds the passage. */
  readonly without: number;
  readonly sides: Sides;
  readonly on: string;
}

/** Questions with passages at least: two to train on, and one to measure. */
export const MIN_QUESTIONS = 4;
const MAX_RANK = 10;
/** The reciprocal rank among the scores of a question. */
const MRR = RECALL_RANKS.length;

type Library = Pick<DocumentLibrary, 'state' | 'sources' | 'search' | 'rankWith'>;

export class Retrievers {
  /** @param approved the approved questions of a project @param inTurn takes a turn on the device */
  constructor(
    private readonly store: RetrieverStore,
    private readonly library: Library,
    private readonly approved: (projectId: string) => Promise<readonly DocumentQuestion[]>,
    private readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>,
  ) {}

  /** @throws GraftError `documents-encoder` */
  async ground(projectId: string): Promise<RetrieverGround> {
    const { settings, documents } = await this.library.state(projectId);
    const { encoder } = settings;
    if (!encoder)
      throw new GraftError(
        'documents-encoder',
        'A retriever is tuned on an encoder, and none is chosen.',
        'Choose an encoder for the documents first.',
      );
    const sources = await this.library.sources(projectId);
    const relevance = new Relevance(sources);
    const asked = (await this.approved(projectId)).flatMap(({ id, question, file, quote }) => {
      if (file === undefined || !quote) return [];
      const passages = [{ doc: file, ...quote }];
      const isHere = passages.some((passage) => (relevance.relevantTo(passage) ?? []).length > 0);
      return [{ id, question, file, passages, isHere, key: keyOf({ question, file }) }];
    });
    const here = asked.filter(({ isHere }) => isHere);
    const sides = assignSides(here, (await this.store.read(projectId)) ?? NOTHING);
    const held = new Set(sides.held);
    const questions = here.map(({ id, question, passages, key }) => ({
      ...{ id, text: question, passages, key, isHeld: held.has(key) },
    }));
    const { content, passagePrefix, questionPrefix, weights } = encoder;
    const parts = [
      ...[content, passagePrefix, questionPrefix, weights],
      ...documents.map(({ file, sha256, divided }) => [file, sha256, divided]),
      ...questions.filter(({ isHeld }) => isHeld).map(({ key, passages }) => [key, passages]),
    ];
    const on = await hashOf([new TextEncoder().encode(JSON.stringify(parts))]);
    return { encoder, sources, questions, without: asked.length - here.length, sides, on };
  }

  /**
   * Rows of the questions to train on. To be called in a turn on the device, unless `rank` says which chunks are negatives.
   *
   * @param count hard negatives of each
   * @throws GraftError `retriever-questions`, and as `DocumentLibrary.search`
   */
  async rows(
    projectId: string,
    { questions, sources }: RetrieverGround,
    count: number,
    rank = this.#ranking(projectId, sources),
  ): Promise<readonly RetrieverRow[]> {
    const { rows } = await makeRetrieverRows(
      questions.filter(({ isHeld }) => !isHeld),
      { chunks: sources, rank },
      count,
    );
    if (questions.length < MIN_QUESTIONS || rows.length < 2)
      throw new GraftError(
        'retriever-questions',
        `${plural(questions.length, 'approved question has', 'approved questions have')} a passage in the index: two thirds of them tune the encoder, and the others measure it.`,
        `Approve ${MIN_QUESTIONS} or more.`,
      );
    return rows;
  }

  /** Keeps the sides of the questions: what was trained on is never measured. @throws GraftError `project-missing` */
  async keepSides(projectId: string, { sides }: RetrieverGround): Promise<void> {
    const kept = await this.store.change(projectId, (before = NOTHING) => ({ ...before, ...sides }));
    if (!kept) throw missingProject();
  }

  /** What is known of the questions that are held out now. */
  async list(projectId: string, ground: RetrieverGround): Promise<readonly RetrieverMeasure[]> {
    const kept = await this.store.read(projectId);
    return kept?.on === ground.on ? judged(kept.measures) : [];
  }

  /**
   * Measures the encoder as it is, and with each of some adapters. What was measured before stays.
   *
   * @param adapters their ids and names
   * @throws GraftError `retriever-questions`, as `DocumentLibrary.rankWith`, `project-missing`, and the signal's reason
   */
  async measure(
    projectId: string,
    ground: RetrieverGround,
    adapters: readonly { readonly id: string; readonly name: string }[],
    watch: IndexWatch,
  ): Promise<readonly RetrieverMeasure[]> {
    const held = ground.questions.filter(({ isHeld }) => isHeld);
    if (held.length === 0)
      throw new GraftError(
        'retriever-questions',
        'No question is held out, so there is nothing to measure on.',
        `Approve ${MIN_QUESTIONS} questions with their passages, or more.`,
      );
    const { content: _, maker: __, adapter: ___, ...base } = ground.encoder;
    const before = await this.store.read(projectId);
    const known = new Set(before?.on === ground.on ? before.measures.map(({ adapter }) => adapter) : []);
    const wanted = [undefined, ...adapters].filter((adapter) => !known.has(adapter?.id));
    for (const [at, adapter] of wanted.entries()) {
      const turn = { at: at + 1, of: wanted.length };
      const rankings = await this.#rankings(
        projectId,
        ground,
        { ...base, ...(adapter && { adapter }) },
        held.map(({ text }) => text),
        { ...watch, onProgress: (progress) => watch.onProgress({ ...progress, turn }) },
      );
      const relevance = new Relevance(ground.sources);
      const scores = held.map(({ key, passages }, row): [string, Scores] => {
        const relevant = passages.map((passage) => relevance.relevantTo(passage) ?? []);
        const { recall, mrr } = measure([{ ranking: rankings[row], relevant }]);
        return [key, [...RECALL_RANKS.map((rank) => recall[rank]), mrr]];
      });
      const measured: KeptMeasure = { adapter: adapter?.id, scores: Object.fromEntries(scores) };
      const kept = await this.store.change(projectId, (now = NOTHING) => ({
        ...{ ...ground.sides, on: ground.on },
        measures: [
          ...(now.on === ground.on ? now.measures.filter((one) => one.adapter !== adapter?.id) : []),
          measured,
        ],
      }));
      if (!kept) throw missingProject();
    }
    return this.list(projectId, ground);
  }

  /** The vectors of the index serve the encoder that made them; every other one makes its own. */
  async #rankings(
    projectId: string,
    { sources, encoder }: RetrieverGround,
    choice: Omit<IndexEncoder, 'content' | 'maker'>,
    questions: readonly string[],
    watch: IndexWatch,
  ): Promise<readonly (readonly number[])[]> {
    const { settings, documents } = await this.library.state(projectId);
    const isOfIndex = choice.adapter?.id === encoder.adapter?.id;
    const isComplete = documents.every(
      (one) => one.encoder === settings.encoder?.maker && one.vectors === one.chunks,
    );
    if (!isOfIndex || !isComplete) return this.library.rankWith(choice, sources, questions, MAX_RANK, watch);
    watch.signal.throwIfAborted();
    return this.inTurn(() => this.#ranking(projectId, sources)(questions, MAX_RANK));
  }

  #ranking(
    projectId: string,
    sources: readonly PassageSource[],
  ): (questions: readonly string[], max: number) => Promise<number[][]> {
    const places = new Map(sources.map(({ id }, at) => [id, at]));
    return async (questions, max) => {
      const rankings: number[][] = [];
      for (const question of questions) {
        const { hits } = await this.library.search(projectId, question, { method: 'cosine', top: max });
        rankings.push(hits.map(({ id }) => places.get(id)!));
      }
      return rankings;
    };
  }
}

/** Measures with their intervals, and each adapter against the encoder as it is. */
function judged(kept: readonly KeptMeasure[]): RetrieverMeasure[] {
  const base = kept.find(({ adapter }) => adapter === undefined);
  const keys = Object.keys(base?.scores ?? {});
  const columns = kept.map(({ scores }) => keys.map((key) => scores[key]));
  const [plain] = base ? [columns[kept.indexOf(base)]] : [];
  if (!plain || keys.length === 0) return [];
  const whole = Uint32Array.from(keys.keys());
  const score = (statistics: readonly Statistic[]): RetrieverScore[] => {
    const intervals: readonly (Interval | undefined)[] = rowIntervals(keys.length, 1, statistics);
    return statistics.map(({ of }, at) => ({
      value: of(whole),
      ...(intervals[at] && { interval: intervals[at] }),
    }));
  };
  const mean = (each: readonly number[], range: readonly [number, number]): Statistic => ({
    of: (sample) => meanOf(each, sample),
    mean: { each, range },
  });
  return kept.map(({ adapter }, at) => {
    const column = columns[at];
    const own = [...RECALL_RANKS, MRR].map((_, of) => column.map((scores) => scores[of]));
    const gains = column.map((scores, row) => scores[MRR] - plain[row][MRR]);
    const scores = score([
      ...own.map((each) => mean(each, [0, 1])),
      { of: (sample) => meanOf(gains, sample) },
    ]);
    const [first, five, ten, mrr, gain] = scores;
    const better = gains.filter((each) => each > 0).length;
    const worse = gains.filter((each) => each < 0).length;
    return {
      ...(adapter !== undefined && { adapter, gain: { ...gain, better, worse } }),
      ...{ questions: keys.length, recall: { 1: first, 5: five, 10: ten }, mrr },
    };
  });
}
