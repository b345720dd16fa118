/** The worker, as the page sees it: one request at a time. */
import { GraftError } from '../errors.ts';
import type { PageAnswered, AskRequest, FromWorker, OpenRequest, Ready } from './protocol.ts';

export class ModelClient {
  readonly #worker: Worker;
  #hear: (message: FromWorker) => void = () => undefined;

  /** @param script of the worker */
  constructor(script: Uint8Array<ArrayBuffer>) {
    // Threads of the engine are started from the same address, so it stays.
    const address = URL.createObjectURL(new Blob([script], { type: 'text/javascript' }));
    this.#worker = new Worker(address, { name: 'model' });
    this.#worker.addEventListener('message', ({ data }: MessageEvent<FromWorker>) => this.#hear(data));
    this.#worker.addEventListener('error', ({ message }) =>
      this.#hear({
        kind: 'failed',
        what: `The part of the page that computes has failed${message ? `: ${message}` : ''}.`,
        remedy: 'Reload the page; this browser may be too old.',
      }),
    );
  }

  /** @throws GraftError */
  open(
    request: OpenRequest,
    onProgress: (what: string, done: number, total: number) => void,
  ): Promise<Ready> {
    return this.#request(request, (message, resolve) => {
      if (message.kind === 'progress') onProgress(message.what, message.done, message.total);
      if (message.kind === 'ready') resolve(message);
    });
  }

  /** @throws GraftError */
  ask(request: AskRequest, onText: (text: string) => void): Promise<PageAnswered> {
    return this.#request(request, (message, resolve) => {
      if (message.kind === 'text') onText(message.text);
      if (message.kind === 'answered') resolve(message);
    });
  }

  stop(): void {
    this.#worker.postMessage({ kind: 'stop' });
  }

  end(): void {
    this.#worker.terminate();
  }

  #request<Of>(
    request: OpenRequest | AskRequest,
    hear: (message: FromWorker, resolve: (result: Of) => void) => void,
  ): Promise<Of> {
    return new Promise((resolve, reject) => {
      this.#hear = (message) => {
        if (message.kind === 'failed')
          reject(new GraftError('chat-page-worker', message.what, message.remedy));
        else hear(message, resolve);
      };
      this.#worker.postMessage(request);
    });
  }
}
