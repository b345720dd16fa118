/** Requests to a hub or to any other server: which server gets the token, and what a refusal means. */
import { GraftError, messageOf } from '../../errors.ts';

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
}

/** The request, in words. */
export interface Subject {
  /** `org/name`, or an address. */
  readonly model: string;
  /** A file of it. */
  readonly file?: string;
  readonly revision?: string;
  /** The page where a licence is accepted. */
  readonly page?: string;
}

export class Client {
  constructor(private readonly options: ClientOptions) {}

  get signal(): AbortSignal {
    return this.options.signal;
  }

  /**
   * The response, if it is a success, or 416 where a range was asked for.
   *
   * @throws Unsettled where a retry may help; GraftError `hub-…` where it does not; the reason of `signal`
   */
  async ask(
    url: string,
    subject: Subject,
    {
      method = 'GET',
      from,
      signal = this.signal,
    }: { method?: 'GET' | 'HEAD'; from?: number; signal?: AbortSignal } = {},
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
      response = await fetch(url, {
        method,
        headers,
        signal,
        credentials: 'omit',
        referrerPolicy: 'no-referrer',
        cache: 'no-store',
      });
    } catch (cause) {
      this.signal.throwIfAborted();
      throw unreachable(url, subject, cause);
    }
    if (response.ok || (response.status === 416 && from !== undefined)) return response;
    await response.body?.cancel();
    throw refusal(response, url, subject, token !== undefined);
  }
}

/** Browsers hide the difference on purpose; Node reports it as the cause. */
function unreachable(url: string, { model }: Subject, cause: unknown): GraftError | Unsettled {
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
      'Go on when the network is back.',
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
  { model, file, revision, page }: Subject,
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
    'Check the address; if it is right, the server is broken or is no hub.',
  );
}
