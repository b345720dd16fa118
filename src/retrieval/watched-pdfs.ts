/**
 * PDFs read in a thread of its own, which is ended if a page takes too long. A file of 4 kB can hold gigabytes of content, or forms that draw each other
 * without end, and pdf.js gives no turn to anything else while it reads them.
 */
import { GraftError, messageOf } from '../errors.ts';
import { MOST_MEBIBYTES, type AllocationLimit } from './allocation-limit.ts';
import type { CharacterMaps } from './character-maps.ts';
import { pdfText, type PdfText } from './pdf-text.ts';

/** Reads a PDF. @param signal ends it at once @throws GraftError as `pdfText`, and `pdf-slow`; the signal's reason */
export type ReadPdf = (bytes: Uint8Array, name: string, signal?: AbortSignal) => Promise<PdfText>;

/** A message to the thread: a file to read, or the map that it asked for. */
export type PdfQuestion =
  | { readonly kind: 'read'; readonly bytes: Uint8Array; readonly name: string }
  | { readonly kind: 'map'; readonly name: string; readonly map: Uint8Array<ArrayBuffer> | PdfFailure };

/** What a thread says: that a page is read, which map it needs, that memory was refused, and the text, or why there is none. */
export type PdfAnswer =
  | { readonly kind: 'page' }
  | { readonly kind: 'map'; readonly name: string }
  | { readonly kind: 'refused' }
  | { readonly kind: 'text'; readonly text: PdfText }
  | { readonly kind: 'failure'; readonly failure: PdfFailure };

/** An error on its way between threads, which only keep its words. */
interface PdfFailure {
  readonly code: string;
  readonly what: string;
  readonly remedy: string;
}

interface PdfThread {
  send(question: PdfQuestion): void;
  end(): void;
}

/**
 * Starts a thread that calls {@link servePdfs}.
 *
 * @param hear gets its answers
 * @param fail gets its end, if it ends by itself, such as for want of memory
 */
export type StartPdfThread = (
  hear: (answer: PdfAnswer) => void,
  fail: (error: Error) => void,
) => Promise<PdfThread>;

/** The longest wait for a page. A page of a real file takes some milliseconds, and a second on a busy machine. */
const PATIENCE_MS = 30_000;
/** A file may take so many times as long as a page: ten minutes. */
const FILE_PATIENCE = 20;
/** A thread that nobody asks is ended. */
const IDLE_MS = 10_000;

interface Limits {
  readonly patience?: number;
  readonly idle?: number;
}

/**
 * A reader of PDFs with one thread, which starts with the first PDF. Files are read one after the other.
 *
 * @param maps for fonts that a PDF only names
 */
export function watchedPdfs(
  start: StartPdfThread,
  maps: CharacterMaps,
  { patience = PATIENCE_MS, idle = IDLE_MS }: Limits = {},
): ReadPdf {
  let thread: Promise<PdfThread> | undefined;
  let hear: (answer: PdfAnswer) => void = () => undefined;
  let fail: (error: Error) => void = () => undefined;
  let ending: ReturnType<typeof setTimeout> | undefined;
  const end = (): void => {
    const ended = thread;
    thread = undefined;
    void ended?.then(
      (one) => one.end(),
      () => undefined,
    );
  };
  const read: ReadPdf = async (bytes, name, signal) => {
    clearTimeout(ending);
    signal?.throwIfAborted();
    thread ??= start(
      (answer) => hear(answer),
      (error) => fail(error),
    );
    const opened = await thread.catch((error: unknown) => {
      // A network that failed may be there for the next file.
      thread = undefined;
      throw error;
    });
    let watch: ReturnType<typeof setTimeout> | undefined;
    let whole: ReturnType<typeof setTimeout> | undefined;
    let stop = (): void => undefined;
    try {
      return await new Promise<PdfText>((resolve, reject) => {
        let pages = 0;
        const give = (error: Error): void => {
          end();
          reject(error);
        };
        const wait = (): void => {
          clearTimeout(watch);
          watch = setTimeout(() => give(tooSlow(name, pages + 1, patience)), patience);
        };
        whole = setTimeout(() => give(endless(name, FILE_PATIENCE * patience)), FILE_PATIENCE * patience);
        stop = () => give(signal?.reason as Error);
        signal?.addEventListener('abort', stop);
        fail = (error) => give(broken(name, error));
        hear = (answer) => {
          wait();
          if (answer.kind === 'page') pages++;
          else if (answer.kind === 'map')
            void maps(answer.name)
              .catch(asFailure)
              .then((map) => opened.send({ kind: 'map', name: answer.name, map }));
          else if (answer.kind === 'refused') give(tooLarge(name, pages + 1));
          else if (answer.kind === 'text') resolve(answer.text);
          else reject(asError(answer.failure));
        };
        wait();
        opened.send({ kind: 'read', bytes, name });
      });
    } finally {
      clearTimeout(watch);
      clearTimeout(whole);
      signal?.removeEventListener('abort', stop);
      ending = setTimeout(end, idle);
      unrefed(ending);
    }
  };
  let last: Promise<unknown> = Promise.resolve();
  return (bytes, name, signal) => {
    const next = last.then(() => read(bytes, name, signal));
    last = next.catch(() => undefined);
    return next;
  };
}

/** In Node a timer keeps the process. */
const unrefed = (timer: unknown): void => (timer as { unref?: () => void }).unref?.();

/** What a thread does with each question. @param limit of what it allocates, if it has one */
export function servePdfs(
  send: (answer: PdfAnswer) => void,
  limit?: AllocationLimit,
): (question: PdfQuestion) => void {
  const waiting = new Map<string, (map: Uint8Array<ArrayBuffer> | PdfFailure) => void>();
  const maps: CharacterMaps = async (name) => {
    const map = await new Promise<Uint8Array<ArrayBuffer> | PdfFailure>((resolve) => {
      waiting.set(name, resolve);
      send({ kind: 'map', name });
    });
    if (map instanceof Uint8Array) return map;
    throw asError(map);
  };
  const onPage = (): void => {
    limit?.reset();
    send({ kind: 'page' });
  };
  if (limit) limit.onRefused = () => send({ kind: 'refused' });
  return (question) => {
    if (question.kind === 'map') waiting.get(question.name)?.(question.map);
    else
      void pdfText(question.bytes, question.name, maps, onPage).then(
        (text) => send({ kind: 'text', text }),
        (error: unknown) => send({ kind: 'failure', failure: asFailure(error) }),
      );
  };
}

const asFailure = (error: unknown): PdfFailure =>
  error instanceof GraftError
    ? { code: error.code, what: error.what, remedy: error.remedy }
    : { code: '', what: messageOf(error), remedy: '' };

/** Other errors are defects. */
const asError = ({ code, what, remedy }: PdfFailure): Error =>
  code === '' ? new Error(what) : new GraftError(code, what, remedy);

const PRINT = 'Print it to a new PDF, or save its text, and add that file.';

const tooSlow = (name: string, page: number, patience: number): GraftError =>
  new GraftError(
    'pdf-slow',
    `Page ${page} of ${name} takes more than ${patience / 1000} s to read: its content is far more than a page, or draws itself without end.`,
    PRINT,
  );

const tooLarge = (name: string, page: number): GraftError =>
  new GraftError(
    'document-size',
    `Page ${page} of ${name} unpacks to more than ${MOST_MEBIBYTES} MiB in one piece, far more than a page or a font.`,
    PRINT,
  );

const endless = (name: string, patience: number): GraftError =>
  new GraftError(
    'pdf-slow',
    `${name} takes more than ${patience / 60_000} minutes to read.`,
    'Divide it into several files, or print it to a new PDF.',
  );

const broken = (name: string, error: Error): GraftError =>
  new GraftError('pdf-damaged', `${name} ended the thread that read it: ${error.message}.`, PRINT);
