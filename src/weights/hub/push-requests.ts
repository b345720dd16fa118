/** Requests that change a repository of the hub, with a token for each of them, and what a refusal means. */
import * as v from 'valibot';
import { Flood, Listener, readBody } from '../../answers.ts';
import { GraftError } from '../../errors.ts';
import { decodeUtf8, isObject, parseJson } from '../../json.ts';
import { printable } from '../../printable.ts';
import { broken, unreachable, Unsettled, type HubSubject } from './client.ts';
import { persist } from './patience.ts';
import { USUAL_PATIENCE, type Patience, type Wait } from './types.ts';

export interface SenderOptions {
  /** Address of the hub, without a slash at the end. */
  readonly hub: string;
  /** `org/name`. */
  readonly repo: string;
  /** It is held for these requests, and goes to the hub's own origin only. */
  readonly token: string;
  readonly signal: AbortSignal;
  readonly patience?: Patience;
  /** Called with the reason and the length of a pause before a request is sent again, and with undefined at its end. */
  readonly onWait?: (wait?: Wait) => void;
}

interface Request {
  readonly method?: 'GET' | 'POST';
  readonly type?: string;
  readonly body?: string;
  /** A refusal that is an answer. */
  readonly accept?: number;
  /** What is sent, for messages; files of the repository if left out. */
  readonly what?: string;
}

/** An answer of the hub is a list of some hundred files at most. */
const MAX_ANSWER_BYTES = 4 * 2 ** 20;
const MAX_WORDS = 200;

export class Sender {
  constructor(private readonly options: SenderOptions) {}

  get #subject(): HubSubject {
    return { model: this.options.repo };
  }

  /**
   * A short answer of the hub, as JSON of a given shape.
   *
   * @param url of the hub
   * @returns undefined for the status that is accepted
   * @throws GraftError `hub-…`; the reason of the signal
   */
  ask<Schema extends v.GenericSchema>(
    url: string,
    schema: Schema,
    request: Request = {},
  ): Promise<v.InferOutput<Schema> | undefined> {
    // The token goes along.
    if (!URL.canParse(url) || new URL(url).origin !== new URL(this.options.hub).origin)
      throw this.#odd('names another server for what only the hub may ask');
    return this.#persist(async () => {
      const response = await this.#send(url, request);
      if (response.status === request.accept) return undefined;
      const parsed = v.safeParse(schema, response.body);
      if (!parsed.success) throw this.#odd('has not the form that a hub’s answer has');
      return parsed.output;
    });
  }

  /**
   * Sends bytes to an address that the hub signed, without the token.
   *
   * @returns the server's name of what it has got (ETag)
   * @throws GraftError `hub-…`; the reason of the signal
   */
  put(href: string, content: Blob): Promise<string | undefined> {
    return this.#persist(async () => {
      const response = await this.#fetch(this.#signed(href), { method: 'PUT', body: content });
      response.body?.cancel().catch(() => undefined);
      if (!response.ok) throw this.#refusal(response.status, new URL(href).host);
      return response.headers.get('etag') ?? undefined;
    });
  }

  /** Says to an address that the hub signed that all parts are there. */
  complete(href: string, body: string): Promise<void> {
    return this.#persist(async () => {
      const headers = { Accept: LFS, 'Content-Type': LFS };
      const response = await this.#fetch(this.#signed(href), { method: 'POST', body, headers });
      response.body?.cancel().catch(() => undefined);
      if (!response.ok) throw this.#refusal(response.status, new URL(href).host);
    });
  }

  #persist<T>(work: () => Promise<T>): Promise<T> {
    const { signal, onWait, patience = USUAL_PATIENCE } = this.options;
    return persist(work, patience, signal, onWait && { onWait });
  }

  /** An address may be on any server, but not less protected than the hub. */
  #signed(href: string): string {
    const url = URL.canParse(href) ? new URL(href) : undefined;
    const { protocol } = new URL(this.options.hub);
    if (!url || (url.protocol !== 'https:' && url.protocol !== protocol))
      throw this.#odd('names an address for the files that cannot be used');
    return url.href;
  }

  async #send(
    url: string,
    { method = 'POST', type = 'application/json', body, accept, what }: Request,
  ): Promise<{ status: number; body: unknown }> {
    const { token, signal, patience = USUAL_PATIENCE } = this.options;
    const listener = new Listener(patience.idleMs, signal);
    try {
      const headers = {
        Authorization: `Bearer ${token}`,
        Accept: type === LFS ? LFS : 'application/json',
        ...(body !== undefined && { 'Content-Type': type }),
      };
      const response = await this.#fetch(
        url,
        { method, headers, ...(body !== undefined && { body }) },
        listener,
      );
      const { status } = response;
      if (status === accept) {
        response.body?.cancel().catch(() => undefined);
        return { status, body: undefined };
      }
      const bytes = await readBody(response, MAX_ANSWER_BYTES, listener);
      if (!response.ok) throw this.#refusal(status, new URL(url).host, response.headers, { bytes, what });
      const where = `The answer of ${new URL(url).host}`;
      return { status, body: bytes.length === 0 ? {} : parseJson(decodeUtf8(bytes, where), where) };
    } catch (cause) {
      signal.throwIfAborted();
      if (cause instanceof Flood) throw this.#odd('is too long');
      throw cause instanceof GraftError || cause instanceof Unsettled
        ? cause
        : broken(url, this.#subject, cause);
    } finally {
      listener.rest();
    }
  }

  async #fetch(url: string, request: RequestInit, listener?: Listener): Promise<Response> {
    const { signal } = this.options;
    const sent = fetch(url, {
      ...request,
      // A file may take longer than any answer: only the person ends it.
      signal: listener?.signal ?? signal,
      credentials: 'omit',
      referrerPolicy: 'no-referrer',
      cache: 'no-store',
    });
    try {
      return await (listener ? listener.wait(sent) : sent);
    } catch (cause) {
      signal.throwIfAborted();
      throw listener?.isSilent
        ? broken(url, this.#subject, listener.signal.reason)
        : unreachable(url, this.#subject, cause);
    }
  }

  #odd(why: string): GraftError {
    return new GraftError(
      'hub-listing',
      `The answer of ${new URL(this.options.hub).host} about ${this.options.repo} ${why}.`,
      'Check the address of the hub. If it is right, the server is broken or is not a hub.',
    );
  }

  #refusal(
    status: number,
    host: string,
    headers?: Headers,
    { bytes = new Uint8Array(), what }: { bytes?: Uint8Array; what?: string | undefined } = {},
  ): GraftError | Unsettled {
    const { repo } = this.options;
    const [owner] = repo.split('/');
    // A file server refuses a signed address that has expired, or a connection that stalled: the next push gets a new one.
    const isFileServer = headers === undefined;
    if (status >= 500 || status === 408 || status === 429 || (isFileServer && [400, 403].includes(status))) {
      const retry = Number(headers?.get('retry-after') ?? NaN);
      return new Unsettled(
        new GraftError(
          status === 429 ? 'hub-busy' : 'hub-server',
          status === 429
            ? `${host} has had too many requests from here.`
            : `${host} answered ${status} when files of ${repo} were sent.`,
          'Push again in a few minutes: files that are there are not sent twice.',
        ),
        Number.isFinite(retry) && retry >= 0 ? retry * 1000 : undefined,
      );
    }
    if (status === 401)
      return new GraftError(
        'hub-token',
        `${host} does not accept the token (401).`,
        'Make a new one with write access in the settings of your account there.',
      );
    if (status === 403)
      return new GraftError(
        'hub-forbidden',
        `The token may not write to ${repo} on ${host} (403).`,
        `Use a token with write access to ${owner}, or push to a repository of your own account.`,
      );
    if (status === 404)
      return new GraftError(
        'hub-missing',
        `${host} has no repository ${repo} that this token may write to (404).`,
        'Check the spelling: a repository is organisation/name.',
      );
    if (status === 409 || status === 412)
      return new GraftError(
        'hub-conflict',
        `${repo} was changed by somebody else during the push (${status}).`,
        'Push again: files that are there are not sent twice.',
      );
    return new GraftError(
      'hub-refused',
      what === undefined
        ? `${host} answered ${status} when files of ${repo} were sent${wordsOf(bytes)}.`
        : `${host} does not take ${what} (${status})${wordsOf(bytes)}.`,
      what === undefined ? 'Check the name of the repository and its files.' : 'Correct it, and push again.',
    );
  }
}

export const LFS = 'application/vnd.git-lfs+json';

/** What a hub says with a refusal, shortened. It comes from outside. */
function wordsOf(said: Uint8Array): string {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(said));
    const listed: unknown = isObject(value) ? value['errors'] : undefined;
    const [first]: readonly unknown[] = Array.isArray(listed) ? listed : [value];
    const error = isObject(first) ? (first['error'] ?? first['message']) : undefined;
    return typeof error === 'string' && error !== ''
      ? `: ${printable(error)
          .replaceAll(/\s+/g, ' ')
          .slice(0, MAX_WORDS)
          .replace(/[.\s]+$/, '')}`
      : '';
  } catch {
    return '';
  }
}
