/** What the browser keeps for this page. It may refuse to: then nothing is kept. */
import type { DeviceChoice } from './protocol.ts';

const DEVICE = 'graft-chat-device';
const CHOICES: readonly string[] = ['auto', 'gpu', 'processor'] satisfies DeviceChoice[];

export function keptDevice(): DeviceChoice {
  const kept = quietly(() => localStorage.getItem(DEVICE));
  return CHOICES.includes(kept ?? '') ? (kept as DeviceChoice) : 'auto';
}

export const keepDevice = (choice: DeviceChoice): void =>
  void quietly(() => localStorage.setItem(DEVICE, choice));

/** Storage that is switched off throws at every call. */
function quietly<Of>(work: () => Of): Of | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
