/** A model under examination: greedy answers to drawn questions, several at once, and its loss on the test part. */
import type { Example } from '../data/example.ts';
import { prepareRows, type PreparedRow } from '../data/prepare.ts';
import type { Question } from '../data/questions.ts';
import { Generator } from '../model/generator.ts';
import type { LanguageModel } from '../model/language-model.ts';
import type { Adapter } from '../adapters/adapter.ts';
import { greedy } from '../model/sampling.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { answer, promptOfQuestion } from './answer.ts';
import type { LossReport } from './comparison.ts';
import { evaluateLoss } from './loss.ts';
import type { Examinee } from './methods/method.ts';
import { chosenRow } from './pairs.ts';

/** Prompts answered at once. */
const SEQUENCES = 8;

export interface NamedModel {
  readonly name: string;
  readonly model: LanguageModel;
  readonly tokenizer: Tokenizer;
}

/** The rows whose loss is measured. */
export interface TestPart {
  readonly rows: readonly PreparedRow[];
  /** The examples that the rows were made of; undefined where they are not known, or a row was cut. */
  readonly examples: readonly Example[] | undefined;
}

/** Earlier answers of a model, so that nothing is asked twice. Answers of a stopped evaluation are kept too. */
export interface Known {
  readonly answers: Map<Question, string>;
}

export interface ExamStep {
  readonly what: 'answering' | 'evaluating' | 'preparing';
  /** Rows, with a fraction for the answers under way: their tokens, of the most that they may have. */
  readonly done: number;
  readonly total: number;
}

export interface ExamineeOptions {
  readonly adapter?: Adapter | undefined;
  readonly newTokens: number;
  /** Without it, no loss is measured. */
  readonly test?: TestPart;
  readonly known?: Known;
  /** Called with each complete answer. */
  readonly onAnswer?: (question: Question, text: string) => void;
  readonly onProgress: (step: ExamStep) => void;
  /** Ends the work early, without an error: the answers so far are returned, an incomplete loss is not. */
  readonly signal: AbortSignal;
  /** Awaited after every row that is prepared. */
  readonly pause?: (step: ExamStep) => Promise<void> | undefined;
}

/** Frees its GPU memory after every call, stopped or not. */
export class ModelExaminee implements Examinee {
  readonly name: string;
  readonly chat: boolean;
  readonly maxPositions: number;
  readonly newTokens: number;

  constructor(
    private readonly open: NamedModel,
    private readonly options: ExamineeOptions,
  ) {
    this.name = open.name;
    this.chat = open.tokenizer.chatTemplate !== undefined;
    this.maxPositions = open.model.definition.shape.maxPositions;
    this.newTokens = options.newTokens;
  }

  tokensOf(question: Question): number {
    return promptOfQuestion(this.open.tokenizer, question).length;
  }

  async ask(questions: readonly Question[]): Promise<string[]> {
    const { known: { answers } = { answers: new Map<Question, string>() } } = this.options;
    const missing = questions.filter((question) => !answers.has(question));
    await this.#untilStopped(() => this.#answer(missing, questions, answers));
    const open = questions.findIndex((question) => !answers.has(question));
    return questions.slice(0, open < 0 ? undefined : open).flatMap((question) => answers.get(question) ?? []);
  }

  async loss(): Promise<LossReport | undefined> {
    const { test } = this.options;
    return test && this.#untilStopped(() => this.#loss(test.rows));
  }

  async lossWith(change: (example: Example) => Example): Promise<LossReport | undefined> {
    const examples = this.options.test?.examples;
    return examples && this.#untilStopped(() => this.#lossOf(examples, change));
  }

  async #untilStopped<T>(measure: () => Promise<T>): Promise<T | undefined> {
    const { signal } = this.options;
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
    change: (example: Example) => Example,
  ): Promise<LossReport | undefined> {
    const whole: PreparedRow[] = [];
    for (const example of examples) {
      const { rows, report } = prepareRows([change(example)], this.open.tokenizer, {
        maxLength: this.maxPositions,
      });
      if (report.cut.length > 0 || rows.length !== 1) return undefined;
      whole.push(rows[0]);
      await this.options.pause?.({ what: 'preparing', done: whole.length, total: examples.length });
    }
    return this.#loss(whole);
  }

  #loss(rows: readonly PreparedRow[]): Promise<LossReport> {
    const { adapter, onProgress, signal } = this.options;
    // The rejected answer of a pair is not wanted.
    return evaluateLoss(this.open.model, rows.map(chosenRow), adapter, (done) => {
      onProgress({ what: 'evaluating', done, total: rows.length });
      signal.throwIfAborted();
    });
  }

  async #answer(
    missing: readonly Question[],
    all: readonly Question[],
    answers: Map<Question, string>,
  ): Promise<void> {
    const { model, tokenizer } = this.open;
    const { adapter, newTokens, onAnswer, onProgress, signal } = this.options;
    if (missing.length === 0) return;
    const prompts = missing.map((question) => promptOfQuestion(tokenizer, question));
    const longest = prompts.reduce((length, ids) => Math.max(length, ids.length), 0);
    const known = all.length - missing.length;
    const tell = (done: number): void => {
      onProgress({ what: 'answering', done: known + done, total: all.length });
    };
    const generator = new Generator(model, SEQUENCES, (adapter?.virtualTokens ?? 0) + longest + newTokens);
    try {
      tell(0);
      for (let start = 0; start < missing.length; start += SEQUENCES) {
        const group = prompts.slice(start, start + SEQUENCES);
        const tokens = group.map(() => 0);
        let most = 0;
        const generated = await answer(generator, tokenizer, group, {
          maxNewTokens: newTokens,
          sampling: greedy,
          seed: 0,
          adapter,
          signal,
          onToken: (prompt) => {
            if (++tokens[prompt] <= most) return;
            most = tokens[prompt];
            if (most < newTokens) tell(start + (group.length * most) / newTokens);
          },
        });
        signal.throwIfAborted();
        generated.forEach(({ text }, at) => {
          answers.set(missing[start + at], text);
          onAnswer?.(missing[start + at], text);
        });
        tell(start + group.length);
      }
    } finally {
      if (!model.device.failure) {
        await model.device.settle();
        generator.destroy();
      }
    }
  }
}
