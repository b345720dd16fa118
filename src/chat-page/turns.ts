/** The conversation as it is shown. Whatever a model writes is text, never markup. */
import { element } from './embedded.ts';

const COPIED_MS = 1500;

/** An element with a class and a text. */
export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  name: string,
  text = '',
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  made.className = name;
  made.textContent = text;
  return made;
}

/** The answer of a model, as it grows. */
export class AnswerView {
  readonly #item = make('li', 'answer');
  readonly #text = make('p', 'text');
  readonly #tools = make('div', 'tools');

  constructor() {
    // It is read out when it is whole, and not piece by piece.
    this.#item.setAttribute('aria-busy', 'true');
    this.#item.append(make('h2', '', 'Answer'), this.#text);
    turns().append(this.#item);
  }

  add(piece: string): void {
    this.#text.append(piece);
  }

  /** @param note under the text: how long it took @param more further buttons */
  end(text: string, note: string, more: readonly HTMLElement[] = []): void {
    this.#text.textContent = text;
    this.#item.setAttribute('aria-busy', 'false');
    this.#tools.append(copyButton(text), ...more, make('span', 'soft', note));
    this.#item.append(this.#tools);
  }

  remove(): void {
    this.#item.remove();
  }
}

/** Shows a question. @returns what takes it away again */
export function showQuestion(text: string): () => void {
  const item = make('li', 'question');
  item.append(make('h2', '', 'You'), make('p', 'text', text));
  turns().append(item);
  return () => item.remove();
}

export const clearTurns = (): void => turns().replaceChildren();

const turns = (): HTMLElement => element('turns');

function copyButton(text: string): HTMLButtonElement {
  const button = make('button', 'small', 'Copy');
  button.type = 'button';
  button.setAttribute('aria-label', 'Copy the answer');
  button.addEventListener('click', () => {
    const say = (word: string): void => {
      button.textContent = word;
      setTimeout(() => (button.textContent = 'Copy'), COPIED_MS);
    };
    // A page that was not opened by https may have no clipboard.
    const clipboard = navigator.clipboard as Clipboard | undefined;
    if (!clipboard) say('Not allowed here');
    else
      clipboard.writeText(text).then(
        () => say('Copied'),
        () => say('Not allowed here'),
      );
  });
  return button;
}
