/** The log of use on the page: its switch, its buttons, and the thumbs at each answer. */
import { plural } from '../numbers.ts';
import { element } from './embedded.ts';
import type { Thumb } from '../evaluate/use-log.ts';
import { UsageLog, type LogRow } from './log.ts';
import { make } from './turns.ts';

/** A button for each thumb. */
const THUMBS: Readonly<Record<Thumb, readonly [text: string, label: string]>> = {
  up: ['Good', 'Good answer'],
  down: ['Bad', 'Bad answer'],
};

export class LogView {
  readonly #on = element<HTMLInputElement>('log-on');
  readonly #log: UsageLog | undefined;

  /** @param onProblem called with what the log throws */
  constructor(
    private readonly name: string,
    private readonly onProblem: (error: unknown) => void,
  ) {
    try {
      this.#log = new UsageLog(localStorage, `${name} ${location.pathname}`);
      this.#on.checked = this.#log.isOn;
    } catch {
      // A browser may be set to keep nothing.
      this.#log = undefined;
      this.#on.disabled = true;
      element('log-note').textContent = 'This browser keeps nothing for this page.';
    }
    this.#on.addEventListener('change', () => {
      this.#try((log) => log.turn(this.#on.checked));
    });
    element('log-save').addEventListener('click', () => this.#try((log) => this.#save(log)));
    element('log-delete').addEventListener('click', () =>
      this.#try((log) => {
        if (confirm(`Delete the log with ${plural(log.count, 'answer')}?`)) log.clear();
      }),
    );
    this.#show();
  }

  /** Keeps an answer, if the log is on. @returns buttons to judge it */
  keep(row: Omit<LogRow, 'thumb'>): HTMLElement[] {
    if (!this.#on.checked) return [];
    let buttons: HTMLElement[] = [];
    this.#try((log) => {
      let line = log.add({ ...row, thumb: null });
      const made = (['up', 'down'] as const).map((thumb) => {
        const [text, label] = THUMBS[thumb];
        const button = make('button', 'small', text);
        button.type = 'button';
        button.setAttribute('aria-label', label);
        button.setAttribute('aria-pressed', 'false');
        button.addEventListener('click', () =>
          this.#try(() => {
            const isTaken = button.getAttribute('aria-pressed') === 'true';
            line = log.judge(line, isTaken ? null : thumb);
            for (const one of made) one.setAttribute('aria-pressed', String(one === button && !isTaken));
          }),
        );
        return button;
      });
      buttons = made;
    });
    return buttons;
  }

  #save(log: UsageLog): void {
    const link = make('a', '');
    const address = URL.createObjectURL(new Blob([log.text], { type: 'application/jsonl' }));
    link.href = address;
    link.download = `${this.name.replaceAll(/[^\w.-]+/g, '-')}-log.jsonl`;
    link.click();
    // The download holds the blob by now; a minute is long even for a slow disk.
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
  }

  #try(work: (log: UsageLog) => void): void {
    try {
      if (this.#log) work(this.#log);
    } catch (error) {
      this.onProblem(error);
    }
    this.#show();
  }

  #show(): void {
    const count = this.#log?.count ?? 0;
    element('log-actions').hidden = count === 0;
    element('log-count').textContent = `${plural(count, 'answer')} in the log`;
  }
}
