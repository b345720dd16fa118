/** A language model under evaluation: greedy answers to drawn questions, several at once, its loss on the test part, and the likelihoods of pairs. */
import type { Example } from '../data/example.ts';
import { prepareRows, type PreparedRow } from '../data/prepare.ts';
import type { Choices, Question } from '../data/questions.ts';
import { sequencesAtOnce } from '../model/generation.ts';
import { Generator } from '../model/generator.ts';
import type { LabelledTokens } from '../model/batch.ts';
import type { LanguageModel } from '../model/language-model.ts';
import type { Adapter } from '../adapters/adapter.ts';
import { greedy } from '../model/sampling.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { scoreChoices } from '../model/choice-scores.ts';
import { positionsOf } from '../model/virtual-tokens.ts';
import { largest } from '../scorers/calibration.ts';
import { answer, promptOfQuestion } from './answer.ts';
import { ChoiceTokens } from './choices.ts';
import { evaluateLoss } from './loss.ts';
import type { EvalModel } from './methods/method.ts';
import type { PairLikelihoods } from './pair-order.ts';
import { chosenRow, pairLikelihoods } from './pairs.ts';
import type { Evidence, LossReport } from './record.ts';

/** Between two reports of tokens. */
const TELL_MILLISECONDS = 100;

interface NamedModel {
  readonly name: string;
  readonly model: LanguageModel;
  readonly tokenizer: Tokenizer;
}

/** The rows whose loss is measured. */
export interface TestPart {
  readonly rows: readonly PreparedRow[];
  /** The examples that the rows were made of; undefined if they are not known, or a row was cut. */
  readonly examples: readonly Example[] | undefined;
  /** Equal for equal rows of the same data, for {@link KnownModel}. */
  readonly key?: string;
}

/** Earlier answers and losses of a model, so that nothing is measured twice. Answers of a stopped evaluation are kept too. */
export interface KnownModel {
  readonly answers: KnownAnswers;
  /** By the key of their rows. */
  readonly losses: Map<string, LossReport>;
}

/** Answers that are known, by their questions. */
interface KnownAnswers {
  has(question: Question): boolean;
  get(question: Question): Evidence | undefined;
  set(question: Question, answer: Evidence): unknown;
}

/** Answers by what was asked: prompts are made anew for each measurement. */
export class AnswersByPrompt implements KnownAnswers {
  readonly #kept = new Map<string, Evidence>();
  /** Numbers of lists of choices: a list may be long, and that of labels belongs to every row. */
  readonly #numbers = new Map<string, number>();
  readonly #known = new WeakMap<Choices, number>();

  #keyOf({ ask, tools, choices }: Question): string {
    return JSON.stringify([ask, tools, choices && this.#numberOf(choices)]);
  }

  #numberOf(choices: Choices): number {
    const known = this.#known.get(choices);
    if (known !== undefined) return known;
    const text = JSON.stringify(choices);
    const number = this.#numbers.get(text) ?? this.#numbers.size;
    this.#numbers.set(text, number);
    this.#known.set(choices, number);
    return number;
  }

  has(question: Question): boolean {
    return this.#kept.has(this.#keyOf(question));
  }
  get(question: Question): Evidence | undefined {
    return this.#kept.get(this.#keyOf(question));
  }
  set(question: Question, answer: Evidence): void {
    this.#kept.set(this.#keyOf(question), answer);
  }
}

export interface EvalProgress {
  readonly what: 'answering' | 'evaluating' | 'preparing' | 'comparing';
  /** Whether pairs of answers are compared. */
  readonly pairs?: true;
  /** Rows, with a fraction for the answers under way: their tokens, of the most that they may have. */
  readonly done: number;
  readonly total: number;
}

interface EvalModelOptions {
  readonly adapter?: Adapter | undefined;
  readonly newTokens: number;
  /** Called when the loss is measured; without it, none is. */
  readonly test?: () => TestPart | Promise<TestPart>;
  /** The rows of two answers, whose likelihoods are measured; none if the rows are no pairs. */
  readonly pairs?: () => readonly LabelledTokens[] | Promise<readonly LabelledTokens[]>;
  readonly known?: KnownModel;
  readonly onProgress: (step: EvalProgress) => void;
  /** Awaited after every row that is prepared. */
  readonly pause?: (step: EvalProgress) => Promise<void> | undefined;
}

/** Frees its GPU memory after every call, stopped or not. */
export class OpenEvalModel implements EvalModel {
  readonly name: string;
  readonly chat: boolean;
  readonly maxPositions: number;
  readonly newTokens: number;
  readonly #choiceTokens: ChoiceTokens;

  constructor(
    private readonly open: NamedModel,
    private readonly options: EvalModelOptions,
  ) {
    this.name = open.name;
    this.chat = open.tokenizer.chatTemplate !== undefined;
    this.maxPositions = open.model.definition.shape.maxPositions;
    this.newTokens = options.newTokens;
    this.#choiceTokens = new ChoiceTokens(open.tokenizer);
  }

  tokensOf(question: Question): number {
    return promptOfQuestion(this.open.tokenizer, question).length;
  }

  async answer(questions: readonly Question[], signal: AbortSignal): Promise<Evidence[]> {
    const answers: KnownAnswers = this.options.known?.answers ?? new Map<Question, Evidence>();
    const missing = questions.filter((question) => !answers.has(question));
    await this.#untilStopped(signal, () =>
      missing.some(({ choices }) => choices)
        ? this.#choose(missing, questions, answers, signal)
        : this.#answer(missing, questions, answers, signal),
    );
    const open = questions.findIndex((question) => !answers.has(question));
    return questions.slice(0, open < 0 ? undefined : open).flatMap((question) => answers.get(question) ?? []);
  }

  async loss(signal: AbortSignal): Promise<LossReport | undefined> {
    const { test, known } = this.options;
    if (!test) return undefined;
    const { key = '', rows } = await test();
    const before = known?.losses.get(key);
    if (before) return before;
    const loss = await this.#untilStopped(signal, () => this.#loss(rows, signal));
    if (loss) known?.losses.set(key, loss);
    return loss;
  }

  async lossWith(
    change: (example: Example) => Example | Promise<Example>,
    signal: AbortSignal,
  ): Promise<LossReport | undefined> {
    const examples = (await this.options.test?.())?.examples;
    return examples && this.#untilStopped(signal, () => this.#lossOf(examples, change, signal));
  }

  async likelihoods(signal: AbortSignal): Promise<readonly PairLikelihoods[] | undefined> {
    const { adapter, onProgress } = this.options;
    const pairs = (await this.options.pairs?.()) ?? [];
    if (pairs.length === 0) return undefined;
    return this.#untilStopped(signal, () =>
      pairLikelihoods(this.open.model, pairs, adapter, (done) => {
        onProgress({ what: 'comparing', pairs: true, done, total: pairs.length });
        signal.throwIfAborted();
      }),
    );
  }

  async #untilStopped<T>(signal: AbortSignal, measure: () => Promise<T>): Promise<T | undefined> {
    if (signal.aborted) return undefined;
    try {
      return await measure();
    } catch (error) {
      // A pause may end with an error of its own; a GPU that fails meanwhile is reported.
      if (signal.aborted && !this.open.model.device.failure) return undefined;
      throw error;
    }
  }

  async #lossOf(
    examples: readonly Example[],
    change: (example: Example) => Example | Promise<Example>,
    signal: AbortSignal,
  ): Promise<LossReport | undefined> {
    const whole: PreparedRow[] = [];
    for (const example of examples) {
      const { rows, report } = prepareRows([await change(example)], this.open.tokenizer, {
        maxLength: this.maxPositions,
      });
      if (report.cut.length > 0 || rows.length !== 1) return undefined;
      whole.push(rows[0]);
      await this.options.pause?.({ what: 'preparing', done: whole.length, total: examples.length });
    }
    return this.#loss(whole, signal);
  }

  #loss(rows: readonly PreparedRow[], signal: AbortSignal): Promise<LossReport> {
    const { adapter, onProgress } = this.options;
    // The rejected answer of a pair is not wanted.
    return evaluateLoss(this.open.model, rows.map(chosenRow), adapter, (done) => {
      onProgress({ what: 'evaluating', done, total: rows.length });
      signal.throwIfAborted();
    });
  }

  /** Chooses the likeliest of the choices of each question, which all have some. */
  async #choose(
    missing: readonly Question[],
    all: readonly Question[],
    answers: KnownAnswers,
    signal: AbortSignal,
  ): Promise<void> {
    const { model, tokenizer } = this.open;
    const { adapter, onProgress } = this.options;
    const asked = missing.map(({ ask, choices, ...rest }) => {
      if (!choices) throw new Error('A question has no choices');
      const prompt = promptOfQuestion(tokenizer, { ...rest, ask });
      return { prompt, choices: this.#choiceTokens.after(prompt, choices) };
    });
    const tell = (done: number): void => {
      onProgress({ what: 'answering', done: all.length - missing.length + done, total: all.length });
      signal.throwIfAborted();
    };
    tell(0);
    let began = performance.now();
    await scoreChoices(model, asked, adapter, (at, logProbabilities) => {
      const question = missing[at];
      const seconds = (performance.now() - began) / 1000;
      began = performance.now();
      answers.set(question, {
        text: question.choices!.texts[largest(logProbabilities)],
        ...{ seconds, took: seconds, logProbabilities },
      });
      tell(at + 1);
    });
  }

  async #answer(
    missing: readonly Question[],
    all: readonly Question[],
    answers: KnownAnswers,
    signal: AbortSignal,
  ): Promise<void> {
    const { model, tokenizer } = this.open;
    const { adapter, newTokens, onProgress } = this.options;
    if (missing.length === 0) return;
    const prompts = missing.map((question) => promptOfQuestion(tokenizer, question));
    const longest = prompts.reduce((length, ids) => Math.max(length, ids.length), 0);
    const known = all.length - missing.length;
    const tell = (done: number): void => {
      onProgress({ what: 'answering', done: known + done, total: all.length });
    };
    const maxLength = positionsOf(longest + newTokens, adapter);
    const generator = new Generator(model, sequencesAtOnce(model, missing.length, maxLength), maxLength);
    /** Tokens of the answers under way, and how many have ended. */
    const tokens = missing.map(() => 0);
    let ended = 0;
    let reported = 0;
    let last = performance.now();
    /** Seconds since the last answer ended: those of all answers add up to the time that they took together. */
    const sinceLast = (): number => {
      const [before, now] = [last, performance.now()];
      last = now;
      return (now - before) / 1000;
    };
    try {
      tell(0);
      await answer(generator, tokenizer, prompts, {
        maxNewTokens: newTokens,
        sampling: greedy,
        seed: 0,
        adapter,
        signal,
        onToken: (prompt) => {
          tokens[prompt]++;
          const now = performance.now();
          if (now - reported < TELL_MILLISECONDS) return;
          reported = now;
          tell(ended + tokens.reduce((sum, count) => sum + count, 0) / newTokens);
        },
        onAnswer: (prompt, { text, newIds, reason }, seconds) => {
          if (reason === 'aborted') return;
          answers.set(missing[prompt], {
            ...{ text, seconds, took: sinceLast(), tokens: newIds.length },
            promptTokens: prompts[prompt].length,
            ...(reason === 'length' && { truncated: true }),
          });
          tokens[prompt] = 0;
          tell(++ended);
        },
      });
      signal.throwIfAborted();
    } finally {
      if (!model.device.failure) {
        await model.device.settle();
        generator.destroy();
      }
    }
  }
}
