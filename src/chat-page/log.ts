/** A log of use that a person switches on: questions, answers and thumbs, in the browser's own storage and nowhere else. */
import { GraftError } from '../errors.ts';
import type { Thumb } from '../evaluate/use-log.ts';
import type { ChatMessage } from '../text/chat-template.ts';

/** A line of the saved file. */
export interface LogRow {
  /** The prompt as the model was asked, and its answer. */
  readonly messages: readonly ChatMessage[];
  /** Why the answer ended: `stop` at its end, `length` at the most tokens, `aborted` by the person. */
  readonly finish_reason: string;
  /** Null if nobody judged the answer. */
  readonly thumb: Thumb | null;
  /** When the answer ended, in ISO 8601. */
  readonly time: string;
}

/** Where the log is: `localStorage`, or what a test has in its place. */
type Place = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

export class UsageLog {
  readonly #rows: string;
  readonly #switch: string;

  /**
   * @param place throws at every call if the browser keeps nothing for this page
   * @param name of the page, so that two pages of a host have logs of their own
   */
  constructor(
    private readonly place: Place,
    name: string,
  ) {
    this.#rows = `graft-chat-log ${name}`;
    this.#switch = `graft-chat-logs ${name}`;
  }

  get isOn(): boolean {
    return this.place.getItem(this.#switch) !== null;
  }

  /** Switches it on or off. What is kept stays. */
  turn(on: boolean): void {
    if (on) this.place.setItem(this.#switch, 'on');
    else this.place.removeItem(this.#switch);
  }

  /** The rows as JSONL. */
  get text(): string {
    return this.place.getItem(this.#rows) ?? '';
  }

  get count(): number {
    return this.text.split('\n').length - 1;
  }

  /** Keeps an answer. @returns its line @throws GraftError `chat-page-log` if there is no room */
  add(row: LogRow): string {
    const line = JSON.stringify(row);
    this.#write(`${this.text}${line}\n`);
    return line;
  }

  /**
   * Judges an answer, or takes that back.
   *
   * @param line of the row as it is kept
   * @returns the line as it is kept now; the same if the log was deleted meanwhile
   * @throws GraftError `chat-page-log` if there is no room
   */
  judge(line: string, thumb: Thumb | null): string {
    const lines = this.text.split('\n');
    const at = lines.lastIndexOf(line);
    if (at < 0) return line;
    lines[at] = JSON.stringify({ ...(JSON.parse(line) as LogRow), thumb });
    this.#write(lines.join('\n'));
    return lines[at];
  }

  clear(): void {
    this.place.removeItem(this.#rows);
  }

  #write(text: string): void {
    try {
      this.place.setItem(this.#rows, text);
    } catch (cause) {
      throw new GraftError(
        'chat-page-log',
        'The log has no more room in this browser: the last change is not in it.',
        'Save the log, and delete it.',
        { cause },
      );
    }
  }
}
