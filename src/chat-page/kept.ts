/** What the browser keeps for this page. It may refuse to: then nothing is kept. */
import type { ChatPageDevice } from './protocol.ts';

const DEVICE = 'graft-chat-device';
const CHOICES: readonly string[] = ['auto', 'gpu', 'processor'] satisfies ChatPageDevice[];

export function keptDevice(): ChatPageDevice {
  const kept = quietly(() => localStorage.getItem(DEVICE));
  return CHOICES.includes(kept ?? '') ? (kept as ChatPageDevice) : 'auto';
}

export const keepDevice = (choice: ChatPageDevice): void =>
  void quietly(() => localStorage.setItem(DEVICE, choice));

/** Storage that is switched off throws at every call. */
function quietly<Of>(work: () => Of): Of | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
