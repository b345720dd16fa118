/**
 * Regular expressions of a person that may take forever: (a+)+$ tries 2ᴺ ways on N letters. Nothing stops one that runs, so such a pattern is
 * tried on the same texts in another thread first, which is ended if it takes too long.
 */
import { fieldsOf } from '../../data/edit-fields.ts';
import type { Replacement } from '../../data/replace.ts';
import type { RowSet } from '../../data/row-set.ts';
import { GraftError } from '../../errors.ts';
import { needsWatch } from '../../text/patterns.ts';
import { editedContent, hasContent } from './edit-rows.ts';

/** A question to the thread, which answers once it has searched all texts. */
export interface TriedTexts {
  readonly source: string;
  readonly flags: string;
  readonly texts: readonly string[];
}

export interface PatternThread {
  ask(question: TriedTexts): Promise<void>;
  /** Ends it, even while it works. */
  end(): void;
}

/** Starts a thread, and waits until it is there: to fetch it is no time of a pattern. @throws GraftError `worker-fetch` */
export const startPatternThread = (): Promise<PatternThread> =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./pattern-thread.ts', import.meta.url), {
      type: 'module',
      name: 'graft pattern',
    });
    const ask = (question: TriedTexts): Promise<void> =>
      new Promise((answered) => {
        worker.onmessage = () => answered();
        worker.postMessage(question);
      });
    worker.onmessage = () => resolve({ ask, end: () => worker.terminate() });
    worker.onerror = ({ message }) =>
      reject(
        new GraftError(
          'worker-fetch',
          `What tries patterns could not be loaded: ${message || 'no answer'}.`,
          'Check the connection, then try again; after the first use it is kept for use offline.',
        ),
      );
  });

/** Whether the time of a pattern is not bounded by what it is made of. */
function mayTakeForever({ find, pattern }: Replacement): boolean {
  if (!pattern) return false;
  try {
    needsWatch(find, find);
    return false;
  } catch {
    return true;
  }
}

/** Characters of the texts that are searched at once; milliseconds that they may take: ordinary patterns take a hundredth. */
const BATCH_CHARS = 2 ** 18;
const MAX_MS = 2000;

/**
 * @param among places of the rows
 * @throws GraftError `replace-pattern` if the pattern takes too long on their texts, `worker-fetch`
 */
export async function tryPattern(
  data: RowSet,
  replacement: Replacement,
  among: readonly number[],
  signal: AbortSignal,
  start = startPatternThread,
): Promise<void> {
  if (!mayTakeForever(replacement)) return;
  const thread = await start();
  const flags = replacement.matchCase ? 'gu' : 'giu';
  let isLate = false;
  let giveUp: () => void = () => undefined;
  const stop = (): void => giveUp();
  signal.addEventListener('abort', stop);
  try {
    for (const texts of batchesOf(data, among)) {
      if (signal.aborted) break;
      let late: ReturnType<typeof setTimeout> | undefined;
      const timeout = new Promise<void>((resolve) => {
        giveUp = resolve;
        late = setTimeout(() => {
          isLate = true;
          resolve();
        }, MAX_MS);
      });
      await Promise.race([thread.ask({ source: replacement.find, flags, texts }), timeout]);
      clearTimeout(late);
      if (isLate) break;
    }
  } finally {
    signal.removeEventListener('abort', stop);
    thread.end();
  }
  if (isLate)
    throw new GraftError(
      'replace-pattern',
      `“${replacement.find}” takes too long on these rows: it can match a text in very many ways.`,
      'Repeat no part that has a repeat in it, as in (a+)+, or search for the text as it stands.',
    );
}

function* batchesOf(data: RowSet, among: readonly number[]): Generator<string[]> {
  let texts: string[] = [];
  let chars = 0;
  for (const at of among) {
    const entry = data.entries[at];
    const { example } = entry;
    if (!example || !hasContent(entry)) continue;
    for (const { text } of fieldsOf(editedContent(example))) {
      texts.push(text);
      chars += text.length;
    }
    if (chars < BATCH_CHARS) continue;
    yield texts;
    texts = [];
    chars = 0;
  }
  if (texts.length > 0) yield texts;
}
