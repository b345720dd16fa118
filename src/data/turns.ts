/** Whether rows are single questions with an answer, or conversations: a model tuned on the first kind is thrown by earlier turns. */
import { singleOf } from '../text/trainable.ts';
import type { Example } from './example.ts';

/** `single`: every row is one question and its answer. `several`: some are conversations. `text`: no row has turns. */
export type Turns = 'single' | 'several' | 'text';

/** @returns undefined if there are no rows, or only rows of tokens */
export function turnsOf(examples: Iterable<Example>): Turns | undefined {
  let kind: Turns | undefined;
  for (const given of examples) {
    const example = singleOf(given);
    if (example.kind === 'text') kind ??= 'text';
    else if (example.kind === 'completion') kind = 'single';
    else if (example.kind === 'messages') {
      const turns = (role: string): number =>
        example.messages.filter((message) => message.role === role).length;
      if (turns('user') > 1 || turns('assistant') > 1) return 'several';
      kind = 'single';
    }
  }
  return kind;
}
