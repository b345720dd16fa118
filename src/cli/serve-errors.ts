/** What a request to `graft serve` is refused with: an HTTP status and an error in OpenAI's shape. */
import { GraftError, messageOf } from '../errors.ts';

interface ErrorParts {
  readonly type?: string;
  /** The field of the request that it is about. */
  readonly param?: string;
  readonly code?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export class RequestError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly parts: ErrorParts = {},
  ) {
    super(message);
  }

  /** The body of the answer. */
  get body(): object {
    const { type = 'invalid_request_error', param = null, code = null } = this.parts;
    return { error: { message: this.message, type, param, code } };
  }
}

/** Codes of errors that a request is the reason of. */
const OF_REQUESTS = [
  'chat-template',
  'chat-template-limit',
  'chat-template-missing',
  'chat-template-refused',
  'json-tokenizer',
  'prompt-length',
  'sampling',
  'sequence-length',
  'token-id',
  'tokenizer-pattern',
  'tokenizer-text',
];

/** What a client gets for anything that was thrown: of a defect it gets no details. */
export function requestError(error: unknown): RequestError {
  if (error instanceof RequestError) return error;
  if (error instanceof GraftError && OF_REQUESTS.includes(error.code))
    return new RequestError(400, messageOf(error), { code: error.code });
  const known = error instanceof GraftError;
  return new RequestError(500, known ? messageOf(error) : 'The server failed. Its log has the reason.', {
    type: 'server_error',
    ...(known && { code: error.code }),
  });
}
