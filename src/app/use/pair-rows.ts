/** Pairs of answers as rows of a file. */
import type { ChatMessage, PreferredPair } from '../../worker/api.ts';

/** A prompt and two answers on each line. */
export function rowsOfPairs(pairs: readonly PreferredPair[]): string {
  return pairs
    .map(
      ({ prompt, chosen, rejected }) => `${JSON.stringify({ prompt: promptOf(prompt), chosen, rejected })}\n`,
    )
    .join('');
}

/** A single question as a text, which models without a chat template take, too. */
function promptOf(messages: readonly ChatMessage[]): string | readonly ChatMessage[] {
  const [first, ...more] = messages;
  return more.length === 0 && first.role === 'user' ? first.content : messages;
}
