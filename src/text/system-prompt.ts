/** Whether a model's chat template has a place for a system prompt. */
import { GraftError } from '../errors.ts';
import { renderChat } from './chat-template.ts';
import type { Tokenizer } from './tokenizer.ts';

/** Nothing that a template would say by itself. */
const PROBE = 'graft-system-probe';

/** Whether a system prompt reaches the model: some templates leave it out, some refuse it. */
export function takesSystemPrompt({ chatTemplate, bosToken, eosToken }: Tokenizer): boolean {
  if (chatTemplate === undefined) return false;
  const messages = [
    { role: 'system', content: PROBE },
    { role: 'user', content: 'Hello' },
  ];
  try {
    return renderChat(chatTemplate, messages, { addGenerationPrompt: true, bosToken, eosToken }).includes(
      PROBE,
    );
  } catch (error) {
    if (error instanceof GraftError) return false;
    throw error;
  }
}
