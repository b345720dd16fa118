/** Requests to a hub or to any other server: which server gets the token, how long it is waited for, and what a refusal means. */
import { Flood, Listener, readBody } from '../../answers.ts';
import { GraftError, messageOf } from '../../errors.ts';
import { USUAL_PATIENCE, type Patience } from './types.ts';

/** A failure that may be temporary. */
export class Unsettled extends Error {
  /** @param retryMs how long the server asks to wait */
  constructor(
    readonly failure: GraftError,
    readonly retryMs?: number,
  ) {
    super(failure.message);
  }
}

export interface ClientOptions {
  /** The token of a person's account on the hub. It goes to the hub's own origin and to no other, also not along a redirect. */
  readonly token?: string;
  /** The origin that gets the token. */
  readonly hub: string;
  readonly signal: AbortSignal;
  readonly patience?: Patience;
}

/** The request, in words. */
export interface HubSubject {
  /** `org/name`, or an address. */
  readonly model: string;
  /** A file of it. */
  readonly file?: string;
  readonly revision?: string;
  /** The page if a licence is accepted. */
  readonly page?: string;
}

/** Sends requests to a hub, with one signal and one patience for all. */
export class Client {
  constructor(private readonly options: ClientOptions) {}

  get signal(): AbortSignal {
    return this.options.signal;
  }

  get patience(): Patience {
    return this.options.patience ?? USUAL_PATIENCE;
  }

  /** For one request, from its address to the end of its answer. */
  listen(): Listener {
    return new Listener(this.patience.idleMs, this.signal);
  }

  /** The headers of an address, if there is something. @throws as {@link ask} */
  async head(url: string, subject: HubSubject): Promise<Headers> {
    const listener = this.listen();
    try {
      return (await this.ask(url, subject, listener, { method: 'HEAD' })).headers;
    } finally {
      listener.rest();
    }
  }

  /**
   * The whole of a short answer.
   *
   * @param max bytes that are taken
   * @param where the answer, for messages
   * @throws GraftError `hub-listing` if it is longer, and as {@link ask}
   */
  async read(
    url: string,
    subject: HubSubject,
    { most: max, where }: { most: number; where: string },
  ): Promise<Uint8Array<ArrayBuffer>> {
    const listener = this.listen();
    try {
      return await readBody(await this.ask(url, subject, listener), max, listener);
    } catch (cause) {
      this.signal.throwIfAborted();
      if (cause instanceof Flood)
        throw new GraftError(
          'hub-listing',
          `${where} is too long: ${cause.message}.`,
          'Check the address of the hub. If it is right, the server is broken or is not a hub.',
          { cause },
        );
      throw cause instanceof GraftError || cause instanceof Unsettled ? cause : broken(url, subject, cause);
    } finally {
      listener.rest();
    }
  }

  /**
   * The response, if it is a success, or 416 if a range was asked for.
   *
   * @param listener gives the request up, redirects included, if nothing comes
   * @throws Unsettled if a retry may help; GraftError `hub-…` if it does not; the reason of `signal`
   */
  async ask(
    url: string,
    subject: HubSubject,
    listener: Listener,
    { method = 'GET', from }: { method?: 'GET' | 'HEAD'; from?: number } = {},
  ): Promise<Response> {
    const { token, hub } = this.options;
    const toHub = new URL(url).origin === new URL(hub).origin;
    const headers: Record<string, string> = {
      // A range also keeps the answer from being compressed, so that bytes are the file's. In this form it needs no permission across
      // origins (a CORS preflight), which If-Range would: whether the file is the same is seen from the answer instead.
      ...(from !== undefined && { Range: `bytes=${from}-` }),
      // fetch() drops it when a redirect leaves the origin: https://fetch.spec.whatwg.org/#http-redirect-fetch, step 13.
      ...(token && toHub && { Authorization: `Bearer ${token}` }),
    };
    let response: Response;
    try {
      // No cookies are sent, and the cache is no place for gigabytes.
      response = await listener.wait(
        fetch(url, {
          method,
          headers,
          signal: listener.signal,
          credentials: 'omit',
          referrerPolicy: 'no-referrer',
          cache: 'no-store',
        }),
      );
    } catch (cause) {
      this.signal.throwIfAborted();
      throw listener.isSilent
        ? broken(url, subject, listener.signal.reason)
        : unreachable(url, subject, cause);
    }
    listener.heard();
    if (response.ok || (response.status === 416 && from !== undefined)) return response;
    // What a server says with a refusal is not read, however long it is.
    response.body?.cancel().catch(() => undefined);
    throw refusal(response, url, subject, token !== undefined);
  }
}

/** Bytes of a body, if its headers say so. The length of a compressed answer says nothing about the file. */
export function declaredLength(headers: Headers): number | undefined {
  const length = Number(headers.get('content-length') ?? NaN);
  return Number.isSafeInteger(length) && length >= 0 && !headers.has('content-encoding') ? length : undefined;
}

/** An answer that did not come, or not to its end. */
export function broken(url: string, { model, file }: HubSubject, cause: unknown): Unsettled {
  const { host } = new URL(url);
  const what = file === undefined ? model : `${file} of ${model}`;
  const why = messageOf(cause).replace(/[.\s]+$/, '');
  return new Unsettled(
    new GraftError(
      'hub-broken',
      `The answer of ${host} about ${what} broke off: ${why}.`,
      'Check the network, and try again in a few minutes.',
      { cause },
    ),
  );
}

/** Browsers hide the difference on purpose; Node reports it as the cause. */
export function unreachable(url: string, { model }: HubSubject, cause: unknown): GraftError | Unsettled {
  const reason = cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : undefined;
  const inner = reason ?? messageOf(cause);
  const { host } = new URL(url);
  if (/redirect count exceeded/i.test(inner)) {
    return new GraftError(
      'hub-redirects',
      `${host} sends requests for ${model} in circles.`,
      'Check the address; if it is right, its server is broken.',
      { cause },
    );
  }
  if (typeof navigator !== 'undefined' && navigator.onLine === false) {
    return new GraftError(
      'hub-offline',
      `${host} cannot be reached: this machine is offline.`,
      'Continue when the network is back.',
      { cause },
    );
  }
  return new Unsettled(
    new GraftError(
      'hub-unreachable',
      `${host} could not be reached for ${model}: ${inner.replace(/[.\s]+$/, '')}.`,
      reason === undefined
        ? 'Check the network and the address. A server that is not a hub must allow other pages to read it (CORS).'
        : 'Check the network and the address.',
      { cause },
    ),
  );
}

function refusal(
  response: Response,
  url: string,
  { model, file, revision, page }: HubSubject,
  hadToken: boolean,
): GraftError | Unsettled {
  const { status } = response;
  const { host } = new URL(url);
  const what = file === undefined ? model : `${file} of ${model}`;
  const code = response.headers.get('x-error-code') ?? '';
  const elsewhere = response.url !== '' && new URL(response.url).origin !== new URL(url).origin;
  if (status >= 500 || status === 408 || status === 429 || (elsewhere && [401, 403].includes(status))) {
    // The hub's file server refuses an expired signed address: the next try gets a new one.
    const retry = Number(response.headers.get('retry-after') ?? NaN);
    return new Unsettled(
      new GraftError(
        status === 429 ? 'hub-busy' : 'hub-server',
        status === 429
          ? `${host} has had too many requests from here.`
          : `${elsewhere ? new URL(response.url).host : host} answered ${status} when asked for ${what}.`,
        'Try again in a few minutes.',
      ),
      Number.isFinite(retry) && retry >= 0 ? retry * 1000 : undefined,
    );
  }
  if (code === 'RevisionNotFound') {
    return new GraftError(
      'hub-missing',
      `${model} has no revision ${revision ?? ''}.`,
      'Check the branch, tag or commit on its page.',
    );
  }
  if (status === 403 || code === 'GatedRepo') {
    return hadToken
      ? new GraftError(
          'hub-gated',
          `${host} does not give ${what} to the account of this token (${status}).`,
          `Accept its licence on ${page ?? 'its page'} with the same account, and check that the token may read gated models.`,
        )
      : new GraftError(
          'hub-gated',
          `${host} gives ${what} only to accounts that have accepted its licence (${status}).`,
          `Accept it on ${page ?? 'its page'}, then give a token of your account with read access.`,
        );
  }
  if (status === 401) {
    return hadToken
      ? new GraftError(
          'hub-token',
          `${host} does not accept the token (401).`,
          'Make a new one with read access in the settings of your account there.',
        )
      : new GraftError(
          'hub-missing',
          `${host} has no model ${model} that can be had without a token (401).`,
          'Check the spelling; for a private or gated model, give a token of your account.',
        );
  }
  if (status === 404 || status === 410) {
    return file === undefined
      ? new GraftError(
          'hub-missing',
          `${host} has no model ${model} (${status}).`,
          'Check the spelling: ids are organisation/name, as the model’s page shows them.',
        )
      : new GraftError('hub-file-missing', `${host} has no file ${what} (${status}).`, 'Check the address.');
  }
  return new GraftError(
    'hub-refused',
    `${host} answered ${status} when asked for ${what}.`,
    'Check the address. If it is right, the server is broken or is not a hub.',
  );
}
