/** Passages and a question as one prompt: by a template that a person can change, with as many passages as fit into the window. */
import { GraftError, messageOf } from '../errors.ts';
import { SandboxedTemplate } from '../text/sandboxed-template.ts';
import { DEFAULT_TEMPLATE, REFUSAL } from './passages-template.ts';

/** A passage of a document: a chunk that a search has found. */
export interface PassageSource {
  readonly id: string;
  readonly file: string;
  /** From 1; null for a document without pages. */
  readonly page: number | null;
  /** UTF-16 code units of the document's text. */
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Units of work for a rendering: the default template needs about 20 for a passage. */
const BUDGET = 1_000_000;

const PROBE: PassageSource = { id: 'a', file: 'a', page: 1, start: 0, end: 1, text: 'text of a passage' };
const PROBE_QUESTION = 'the question that is asked';

/** A Jinja template of {question, refusal, passages}; a passage has number, id, file, page, start, end and text. */
export class PassagesTemplate {
  readonly #template: SandboxedTemplate;

  /**
   * @param source is checked by rendering an example
   * @throws GraftError `passages-template` if it cannot be read, fails, or leaves out the question or the passages
   */
  constructor(readonly source = DEFAULT_TEMPLATE) {
    try {
      this.#template = new SandboxedTemplate(source);
    } catch (cause) {
      throw failed(cause);
    }
    const text = this.render(PROBE_QUESTION, [PROBE]);
    const lacks = [
      ...(text.includes(PROBE_QUESTION) ? [] : ['the question: write {{ question }}']),
      ...(text.includes(PROBE.text)
        ? []
        : [
            'the passages: write {% for passage in passages %}[{{ passage.number }}] {{ passage.text }}{% endfor %}',
          ]),
    ];
    if (lacks.length > 0)
      throw new GraftError(
        'passages-template',
        `The template of passages leaves out ${lacks[0]}.`,
        'Start from the default template, which the documentation shows.',
      );
  }

  /** The prompt, without white space at its ends. @throws GraftError `passages-template` */
  render(question: string, sources: readonly PassageSource[]): string {
    const passages = sources.map(({ id, file, page, start, end, text }, at) => ({
      number: at + 1,
      ...{ id, file, page, start, end, text },
    }));
    const size = sources.reduce((sum, { text }) => sum + text.length, question.length);
    try {
      return this.#template
        .render(
          { true: true, false: false, none: null, question, passages, refusal: REFUSAL },
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
    'passages-template',
    `The template of passages does not work: ${messageOf(cause).slice(0, 300).replace(/\.$/, '')}.`,
    'Start from the default template, which the documentation shows.',
    { cause },
  );

export interface Fitted {
  /** What the template makes of the question and the passages that fit. */
  readonly text: string;
  /** Best first; the number of each is its place, from 1. */
  readonly sources: readonly PassageSource[];
  /** The lower ranked passages, for which there is no room. */
  readonly leftOut: readonly PassageSource[];
  /** Code units that the only passage lost at its end, if not even one fits whole; else 0. */
  readonly cut: number;
  /** Tokens of the whole prompt, and those that the passages have in it. */
  readonly tokens: number;
  readonly passageTokens: number;
}

/**
 * The prompt with as many passages as fit, best first. If not even the best one fits, it is cut after a word. A question that does not fit without any
 * passage is returned by itself: the caller refuses it as it refuses any long prompt.
 *
 * @param found best first
 * @param room tokens of the whole prompt at most
 * @param tokensOf the tokens of the whole prompt that this text becomes
 * @throws GraftError `passages-template`, and what `tokensOf` throws
 */
export function fitPassages(
  template: PassagesTemplate,
  question: string,
  found: readonly PassageSource[],
  { room, tokensOf }: { readonly room: number; readonly tokensOf: (text: string) => number },
): Fitted {
  const without = tokensOf(template.render(question, []));
  const fitted = (sources: readonly PassageSource[], cut = 0): Fitted => {
    const text = template.render(question, sources);
    const tokens = tokensOf(text);
    const leftOut = found.slice(sources.length);
    return { text, sources, leftOut, cut, tokens, passageTokens: Math.max(0, tokens - without) };
  };
  const isFitting = (sources: readonly PassageSource[]): boolean => fitted(sources).tokens <= room;
  const whole = mostThat((count) => isFitting(found.slice(0, count)), found.length);
  if (whole > 0 || found.length === 0) return fitted(found.slice(0, whole));
  const [best] = found;
  const ends = [...best.text.matchAll(/\S+/gu)].map(({ 0: word, index }) => index + word.length);
  const shortened = (words: number): PassageSource => {
    const text = best.text.slice(0, ends[words - 1]);
    return { ...best, text, end: best.start + text.length };
  };
  const words = mostThat((count) => isFitting([shortened(count)]), ends.length);
  if (words === 0) return fitted([]);
  const short = shortened(words);
  return fitted([short], best.text.length - short.text.length);
}

/** The largest number up to `most` for which something holds that holds for all below it; 0 if there is none. */
function mostThat(holds: (count: number) => boolean, max: number): number {
  if (max === 0 || holds(max)) return max;
  let [low, high] = [0, max];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (holds(middle)) low = middle;
    else high = middle;
  }
  return low;
}
