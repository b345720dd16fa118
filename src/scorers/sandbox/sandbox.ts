/**
 * Runs code that a person wrote. Its work is counted in steps (interpreter.ts), but one built-in function, such as a search in a long text, is one
 * step however long it takes. So the interpreter has its own thread, which is ended if it does not answer in time. Time depends on the machine, so a
 * timeout gives no score, and the run pauses.
 */
import { messageOf } from '../../errors.ts';

/** Milliseconds: thousands of times as long as a reward takes. */
export const MAX_SECONDS = 5;

/** A question to a thread: to parse code, or to run parsed code on an object, as JSON. */
export type SandboxQuestion =
  | { readonly code: string; readonly fields: readonly string[] }
  | { readonly script: string; readonly given: string };

/** The parsed script, or the score that a script gave; or an error, as the end of a sentence. */
export type SandboxAnswer =
  | { readonly value: string | number }
  /** `chance`: another attempt might succeed. */
  | { readonly problem: string; readonly chance?: true };

export const LATE: SandboxAnswer = { problem: `it does not end within ${MAX_SECONDS} seconds`, chance: true };

/** A thread that answers one question after the other. */
interface SandboxThread {
  ask(question: SandboxQuestion): void;
  /** Ends it, even while it works. */
  end(): void;
}

/** Starts a thread. @returns once it has loaded the interpreter: loading does not count as time of the code */
export type StartSandbox = (
  hear: (answer: SandboxAnswer) => void,
  fail: (error: Error) => void,
) => Promise<SandboxThread>;

/** An error of the code, as the end of a sentence. It occurs on every machine. */
export class SandboxError extends Error {}

/** Why there is no answer, as the end of a sentence. On another machine, or later, there may be one. */
export class SandboxStopped extends SandboxError {}

/** Parsed code. */
export interface Program {
  /**
   * @param given a value that JSON can hold
   * @throws SandboxError if the code throws, takes too many steps or too much memory, or gives no number
   * @throws SandboxStopped if it takes too long, or its thread broke
   */
  run(given: object): Promise<number>;
}

export class Sandbox {
  #thread: Promise<SandboxThread> | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  /** Receives the answer to the thread's question. */
  #hear: (answer: SandboxAnswer) => void = () => undefined;

  /** @param start of the thread, when it is first needed and after one was ended */
  constructor(private readonly start: StartSandbox = startHere) {}

  /**
   * Reads code that is an expression of the fields, a function of an object of them, statements that define a function `reward`, or a module whose
   * default export is one. It runs in a new world for each object, so nothing passes from one to the next.
   *
   * @param fields the names that an expression sees
   * @throws SandboxError if it cannot be parsed
   */
  async read(code: string, fields: readonly string[]): Promise<Program> {
    const script = String(await this.#ask({ code, fields }));
    return { run: async (given) => Number(await this.#ask({ script, given: JSON.stringify(given) })) };
  }

  /** Ends its thread. A later question starts another. */
  close(): void {
    const thread = this.#thread;
    this.#thread = undefined;
    void thread?.then(
      (one) => one.end(),
      () => undefined,
    );
  }

  /** One question at a time, so that each is timed alone. */
  async #ask(question: SandboxQuestion): Promise<string | number> {
    const asked = this.#turn.then(() => this.#answer(question));
    this.#turn = asked;
    const answer = await asked;
    if ('value' in answer) return answer.value;
    throw new (answer.chance ? SandboxStopped : SandboxError)(answer.problem);
  }

  async #answer(question: SandboxQuestion): Promise<SandboxAnswer> {
    let thread: SandboxThread;
    try {
      thread = await (this.#thread ??= this.start(
        (answer) => this.#hear(answer),
        (error) => this.#hear(broken(error)),
      ));
    } catch (error) {
      // Offline, before it was kept: the next use tries again.
      this.#thread = undefined;
      return broken(error);
    }
    return new Promise((resolve) => {
      let ticks = 0;
      // A clock that stops while the machine sleeps, or while this thread is busy and cannot receive the answer.
      const clock = setInterval(() => {
        if (++ticks >= MAX_SECONDS) this.#hear(LATE);
      }, 1000);
      this.#hear = (answer) => {
        clearInterval(clock);
        this.#hear = () => undefined;
        if ('chance' in answer) this.close();
        resolve(answer);
      };
      thread.ask(question);
    });
  }
}

const broken = (error: unknown): SandboxAnswer => ({
  problem: `its sandbox broke (${messageOf(error)})`,
  chance: true,
});

/** Runs on this thread: for short scripts and tests. A built-in function cannot be interrupted there. */
const startHere: StartSandbox = async (hear, fail) => {
  const { answerTo, loadInterpreter } = await import('./interpreter.ts');
  await loadInterpreter();
  return { ask: (question) => void answerTo(question).then(hear, fail), end: () => undefined };
};
