/** Questions for documents by two Jinja templates, of a question and of its answer, which a person then looks at. */
import { GraftError, messageOf } from '../errors.ts';
import { SandboxedTemplate } from '../text/sandboxed-template.ts';
import type { Draft } from './draft-questions.ts';
import type { PassageSource } from './passages-prompt.ts';
import { placeOfQuote } from './quote-place.ts';
import { withoutEnding } from './relevance.ts';

/** Units of work for a rendering. */
const BUDGET = 1_000_000;
/** Shorter ones are headings and labels. */
const MIN_SENTENCE_WORDS = 4;
const PROBE: PassageSource = {
  id: 'a',
  file: 'a.md',
  page: 1,
  start: 0,
  end: 30,
  text: 'A passage has at least one sentence.',
};

/** Templates of {name, file, heading, page, sentence, text}. */
export class QuestionTemplates {
  readonly #question: SandboxedTemplate;
  readonly #answer: SandboxedTemplate;

  /** @throws GraftError `question-template` for one that cannot be read or fails */
  constructor(question: string, answer: string) {
    try {
      this.#question = new SandboxedTemplate(question);
      this.#answer = new SandboxedTemplate(answer);
    } catch (cause) {
      throw failed(cause);
    }
    if (this.draft(PROBE, 'A heading') === undefined)
      throw new GraftError(
        'question-template',
        'The templates make an empty question or an empty answer.',
        'Write for instance What does {{ name }} say about {{ heading }}? and {{ sentence }}.',
      );
  }

  /**
   * The question of a passage, with its first sentence for a quote.
   *
   * @param heading the one that the passage stands under; none if there is none
   * @returns undefined for a passage without a sentence, or if a text is empty
   * @throws GraftError `question-template`
   */
  draft({ file, page, start, text }: PassageSource, heading: string | undefined): Draft | undefined {
    const sentence = firstSentence(text);
    const place = sentence === undefined ? undefined : placeOfQuote(text, sentence);
    if (sentence === undefined || !place) return undefined;
    const name = withoutEnding(file.slice(file.lastIndexOf('/') + 1));
    const variables = {
      ...{ true: true, false: false, none: null },
      ...{ name, file, page, text, sentence, heading: heading ?? null },
    };
    try {
      const question = this.#question.render(variables, BUDGET).trim();
      const answer = this.#answer.render(variables, BUDGET).trim();
      if (question === '' || answer === '') return undefined;
      const quote = { text: place.text, start: start + place.start, end: start + place.end };
      return { question, answer, quote };
    } catch (cause) {
      throw failed(cause);
    }
  }
}

const firstSentence = (text: string): string | undefined =>
  text
    .split(/(?<=[.!?]["')\]]*)\s+|\n\s*\n/u)
    .map((part) => part.replace(/^#+\s.*\n?/, '').trim())
    .find((part) => /[.!?]["')\]]*$/u.test(part) && part.split(/\s+/u).length >= MIN_SENTENCE_WORDS);

/** The text of the last heading that starts before a place. */
export function headingAt(
  text: string,
  headings: readonly { readonly start: number; readonly end: number }[],
  at: number,
): string | undefined {
  const heading = headings.findLast(({ start }) => start <= at);
  const words =
    heading &&
    text
      .slice(heading.start, heading.end)
      .replaceAll(/^[#\s=]+|[#\s=~-]+$/g, '')
      .trim();
  return words === '' ? undefined : words;
}

const failed = (cause: unknown): GraftError =>
  new GraftError(
    'question-template',
    `A template of questions does not work: ${messageOf(cause).slice(0, 300).replace(/\.$/, '')}.`,
    'Start from the default templates of the form.',
    { cause },
  );
