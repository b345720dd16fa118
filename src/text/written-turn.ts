/** The text of an assistant's turn as a chat template writes it, without what only ends turns: for answers that are calls of tools. */
import { GraftError } from '../errors.ts';
import { renderChat, type ChatMessage } from './chat-template.ts';
import type { ExampleContent } from './trainable.ts';

/** In the place of an answer, to see what follows it. */
const MARK = '\ue000';

/**
 * @param index of the turn, from 0
 * @returns undefined if the template does not show where the turn starts and ends
 */
export function writtenTurn(
  template: string,
  { messages, tools }: Pick<Extract<ExampleContent, { kind: 'messages' }>, 'messages' | 'tools'>,
  index: number,
): string | undefined {
  const render = (part: readonly ChatMessage[], addGenerationPrompt: boolean): string =>
    renderChat(template, part, { addGenerationPrompt, tools });
  const before = messages.slice(0, index);
  try {
    const header = render(before, true);
    const [, ending] = render([...before, { role: 'assistant', content: MARK }], false).split(MARK);
    const text = render(messages.slice(0, index + 1), false);
    if (ending === undefined || !text.startsWith(header) || !text.endsWith(ending)) return undefined;
    return text.slice(header.length, text.length - ending.length).trim();
  } catch (error) {
    if (error instanceof GraftError) return undefined;
    throw error;
  }
}
