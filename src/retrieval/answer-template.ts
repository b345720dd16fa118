/** How the answer of a row quotes its passages: by a template that a person can change. */
import { GraftError, messageOf } from '../errors.ts';
import { SandboxedTemplate } from '../text/sandboxed-template.ts';
import { REFUSAL } from './passages-template.ts';

/** Words of a passage as an answer quotes them. */
export interface AnswerQuote {
  readonly text: string;
  /** The number of the passage in the prompt, from 1. */
  readonly number: number;
}

export const DEFAULT_ANSWER_TEMPLATE =
  '{{ answer }}{% for quote in quotes %} "{{ quote.text }}" [{{ quote.number }}]{% endfor %}';

/** Units of work for a rendering: the default template needs about 10 for a quote. */
const BUDGET = 1_000_000;
const PROBE = 'the answer to the question';

/** A Jinja template of {answer, quotes, refusal}; a quote has text and number. */
export class AnswerTemplate {
  readonly #template: SandboxedTemplate;

  /**
   * @param source is checked by rendering an example
   * @throws GraftError `answer-template` if it cannot be read, fails, or leaves out the answer
   */
  constructor(readonly source = DEFAULT_ANSWER_TEMPLATE) {
    try {
      this.#template = new SandboxedTemplate(source);
    } catch (cause) {
      throw failed(cause);
    }
    if (!this.render(PROBE, [{ text: 'words of a passage', number: 1 }]).includes(PROBE))
      throw new GraftError(
        'answer-template',
        'The template of answers leaves out the answer.',
        'Write {{ answer }} in it.',
      );
  }

  /** The answer, without white space at its ends. @throws GraftError `answer-template` */
  render(answer: string, quotes: readonly AnswerQuote[]): string {
    const size = quotes.reduce((sum, { text }) => sum + text.length, answer.length);
    try {
      return this.#template
        .render(
          {
            ...{ true: true, false: false, none: null, answer, refusal: REFUSAL },
            quotes: quotes.map(({ text, number }) => ({ text, number })),
          },
          BUDGET + 8 * size,
        )
        .trim();
    } catch (cause) {
      throw failed(cause);
    }
  }
}

const failed = (cause: unknown): GraftError =>
  new GraftError(
    'answer-template',
    `The template of answers does not work: ${messageOf(cause).slice(0, 300).replace(/\.$/, '')}.`,
    'Start from the default template, which the documentation shows.',
    { cause },
  );
