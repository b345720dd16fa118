/** The turns of a conversation that a model has room for. */
import { GraftError } from '../errors.ts';
import type { ChatMessage } from '../text/chat-template.ts';

/**
 * Leaves out the first questions with their answers until the rest fits.
 *
 * @param turns questions and answers in turn; the last one is the question
 * @param room tokens of a prompt at most
 * @param idsOf the prompt of some turns
 * @returns the ids to continue, and how many questions were left out
 * @throws GraftError `prompt-length` if the last question alone is too long, and what `idsOf` throws
 */
export function fitTurns(
  turns: readonly ChatMessage[],
  room: number,
  idsOf: (turns: readonly ChatMessage[]) => number[],
): { ids: number[]; dropped: number } {
  for (let dropped = 0; ; dropped++) {
    const kept = turns.slice(2 * dropped);
    const ids = idsOf(kept);
    if (ids.length <= room) return { ids, dropped };
    if (kept.length <= 1)
      throw new GraftError(
        'prompt-length',
        `The question has ${ids.length} tokens, but there is room for only ${room} before the answer.`,
        'Ask a shorter question.',
      );
  }
}
