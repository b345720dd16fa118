/** What can be said about an example's row without its tokens. */
import type { TrainableMessage } from '../text/trainable.ts';
import type { Example } from './example.ts';

export interface Outline {
  /** The roles of its messages, or its kind; undefined if only its tokens show whether it becomes a row. */
  readonly form: string | undefined;
  /** The most bytes of UTF-8 of all its texts. */
  readonly most: number;
  /** The most bytes of UTF-8 before the first text that is learned from. */
  readonly mostBefore: number;
}

/** The forms of examples without messages. */
export const [COMPLETION, TEXT] = ['completion', 'text'];
/** The role of an assistant's message that is not learned from. */
export const CONTEXT = 'context';
/** Longer conversations have no form: there would be too many. */
const MAX_MESSAGES = 16;

/** @param widest the most bytes of UTF-8 of a UTF-16 unit of its texts */
export function outlineOf(example: Example, widest: 1 | 3): Outline {
  switch (example.kind) {
    case 'completion': {
      const { prompt, completion, separator = '', untrained } = example;
      // Nothing of it may be left to learn from.
      if (untrained) return { form: undefined, most: 0, mostBefore: 0 };
      const mostBefore = widest * (prompt.length + separator.length);
      return { form: COMPLETION, most: mostBefore + widest * completion.length, mostBefore };
    }
    case 'text':
      return { form: example.document ? undefined : TEXT, most: widest * example.text.length, mostBefore: 0 };
    case 'messages': {
      // How a template writes tools, and whether parts leave something to learn from, only the made row shows.
      const isPlain = (message: TrainableMessage): boolean =>
        message.role !== 'tool' && !message.tool_calls && !message.untrained;
      if (example.tools || !example.messages.every(isPlain))
        return { form: undefined, most: 0, mostBefore: 0 };
      let max = 0;
      let mostBefore: number | undefined;
      const roles = example.messages.map(({ role, content, supervised }) => {
        const isContext = role === 'assistant' && supervised === false;
        if (role === 'assistant' && !isContext) mostBefore ??= max;
        max += widest * content.length;
        return isContext ? CONTEXT : role;
      });
      const isFew = roles.length <= MAX_MESSAGES && mostBefore !== undefined;
      return { form: isFew ? roles.join(' ') : undefined, most: max, mostBefore: mostBefore ?? max };
    }
    default:
      return { form: undefined, most: 0, mostBefore: 0 };
  }
}
