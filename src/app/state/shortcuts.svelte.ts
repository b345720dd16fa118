/**
 * Keys for those who work without a mouse. Single ones do nothing while somebody writes, and can be turned off (WCAG 2.1.4); the one of the
 * command palette works everywhere.
 */
import { tick } from 'svelte';
import type { Vote } from '../../worker/api.ts';
import { isFocusLost } from '../ui/focus.ts';
import { STAGES } from './route.svelte.ts';
import type { Studio } from './studio.svelte.ts';

/** The palette's keys on this machine's keyboard. */
export const PALETTE_KEYS = /Mac|iP(?:hone|ad)/.test(navigator.platform) ? '⌘ K' : 'Ctrl K';

const STORED = 'graft-single-keys';
/** Elements that take letters themselves, and for Space also those that it presses. */
const WRITES = 'input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable], dialog';
const PRESSED = 'button, a, summary, label, input, [role=toolbar]';

/** While two answers wait for a vote, these go before the stages. */
const VOTES: Readonly<Record<string, Vote | undefined>> = { '1': 'first', '2': 'second', '0': 'none' };

export class Shortcuts {
  enabled = $state(true);
  /** The list is open. */
  shown = $state(false);
  projector = $state(false);
  /** The command palette is open. */
  palette = $state(false);
  readonly #studio: Studio;

  constructor(studio: Studio) {
    this.#studio = studio;
    try {
      this.enabled = localStorage.getItem(STORED) !== 'off';
    } catch {
      // Storage is refused: they are on, and can be turned off for this visit.
    }
  }

  enable(on: boolean): void {
    this.enabled = on;
    try {
      localStorage.setItem(STORED, on ? 'on' : 'off');
    } catch {
      // As above.
    }
  }

  /** @returns whether the key was one of these */
  press(event: KeyboardEvent): boolean {
    if (isPaletteKey(event)) {
      if (!event.repeat) this.palette = !this.palette;
      return true;
    }
    if (!this.enabled || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat)
      return false;
    const target = event.target instanceof Element ? event.target : undefined;
    const { chat, route } = this.#studio;
    if (event.key === 'Escape' && chat.busy && !target?.closest('dialog')) {
      void chat.stop();
      return true;
    }
    if (target?.closest(WRITES)) return false;
    const stage = STAGES[Number(event.key) - 1];
    const vote = VOTES[event.key];
    if (vote && route.place === 'use' && chat.votable) void this.#vote(vote);
    else if (stage) route.go(stage);
    else if (event.key === '?') this.shown = true;
    else if (event.key === 'p') this.projector = !this.projector;
    else if (event.key === 'c') return this.#chat();
    else if (event.key === '/') return this.#write();
    else if (event.key === ' ') return !target?.closest(PRESSED) && this.#pauseOrResume();
    else return false;
    return true;
  }

  #pauseOrResume(): boolean {
    const { route, run } = this.#studio;
    if (route.place !== 'train' || run.asked) return false;
    if (run.active && run.last && !run.preparing) void run.pause();
    else if (run.status === 'paused' && run.record) void run.resume(run.record);
    else return false;
    return true;
  }

  #chat(): boolean {
    const { run } = this.#studio;
    if (run.asked || run.preparing || !run.hasAdapter) return false;
    void this.#studio.inUse.askBoth();
    return true;
  }

  /** The next question can be written at once. */
  async #vote(vote: Vote): Promise<void> {
    await this.#studio.chat.vote(vote);
    await tick();
    if (isFocusLost()) this.#write();
  }

  #write(): boolean {
    const prompt = document.getElementById('chat-prompt');
    prompt?.focus();
    return prompt !== null;
  }
}

function isPaletteKey({ key, ctrlKey, metaKey, altKey, shiftKey }: KeyboardEvent): boolean {
  return key.toLowerCase() === 'k' && ctrlKey !== metaKey && !altKey && !shiftKey;
}
