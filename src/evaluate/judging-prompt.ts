/** The prompt that asks a model which of two answers is better: a template that a person can read and change. */
import { GraftError, messageOf } from '../errors.ts';
import { SandboxedTemplate } from '../text/sandboxed-template.ts';
import { defaultJudgingPrompt } from './judging-prompt-text.ts';

/** Units of work for a rendering: the default template needs about 20. */
const BUDGET = 1_000_000;

/** Two answers to one question, as a judge reads them. */
export interface JudgedPair {
  readonly question: string;
  /** The reference answer; '' if there is none. */
  readonly reference: string;
  readonly first: string;
  readonly second: string;
}

const PROBE: JudgedPair = {
  question: 'the question that is asked',
  reference: 'the reference answer',
  first: 'one of the answers',
  second: 'another one of the answers',
};

/** A Jinja template of {question, reference, a, b}. */
export class JudgingPrompt {
  readonly #template: SandboxedTemplate;

  /**
   * @param source is checked by rendering an example
   * @throws GraftError `judging-prompt` if it cannot be read, fails, or leaves out an answer
   */
  constructor(readonly source = defaultJudgingPrompt()) {
    try {
      this.#template = new SandboxedTemplate(source);
    } catch (cause) {
      throw failed(cause);
    }
    const text = this.render(PROBE, false);
    const lacks = [
      ...(text.includes(PROBE.first) ? [] : ['the first answer: write {{ a }}']),
      ...(text.includes(PROBE.second) ? [] : ['the second answer: write {{ b }}']),
    ];
    if (lacks.length > 0)
      throw new GraftError(
        'judging-prompt',
        `The judging prompt leaves out ${lacks[0]}.`,
        'Start from the default prompt, which the documentation shows.',
      );
  }

  /** The prompt, without white space at its ends. @param swapped puts the second answer in the place of A @throws GraftError `judging-prompt` */
  render({ question, reference, first, second }: JudgedPair, swapped: boolean): string {
    const [a, b] = swapped ? [second, first] : [first, second];
    const size = question.length + reference.length + a.length + b.length;
    try {
      return this.#template
        .render({ true: true, false: false, none: null, question, reference, a, b }, BUDGET + 8 * size)
        .trim();
    } catch (cause) {
      throw failed(cause);
    }
  }
}

const failed = (cause: unknown): GraftError =>
  new GraftError(
    'judging-prompt',
    `The judging prompt does not work: ${messageOf(cause).slice(0, 300).replace(/\.$/, '')}.`,
    'Start from the default prompt, which the documentation shows.',
    { cause },
  );
