/** The folder that both clients push to the tests' own hub, and what is compared of their requests. */
import type { HubRequest, HubServer } from '../../hub-server.ts';
import type { Heard } from '../../hub-upload.ts';

const text = (content: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(content);
const bytes = (length: number): Uint8Array<ArrayBuffer> =>
  Uint8Array.from({ length }, (_, i) => (i * 37 + (i >> 8)) % 251);

/** A card, settings, weights in one piece and in parts, large files without content, and a file that the repository ignores. */
export const FOLDER: Readonly<Record<string, Uint8Array<ArrayBuffer>>> = {
  'README.md': text('# Ünïcode\n'),
  'adapter_config.json': text('{"r": 8}\n'),
  'adapter_model.safetensors': bytes(25_000),
  'empty.safetensors': bytes(0),
  'more.safetensors': bytes(900),
  'notes/todo.txt': text('later\n'),
};
/** Longer files are sent in parts of this length. */
export const CHUNK = 10_000;
export const REPO = 'org/garden';
export const MESSAGE = 'Add an adapter';

/** Files that are fetched again: one that lies in git, and one that the hub sends elsewhere for. */
export const FETCHED = ['adapter_config.json', 'adapter_model.safetensors'];

/** How the hub of a recording answers. */
export function prepare(server: HubServer): void {
  server.upload.chunk = CHUNK;
  server.upload.ignored = /^notes\//;
}

/** A request as both clients must send it. */
export interface Sent {
  readonly method: string;
  readonly url: string;
  readonly contentType?: string;
  readonly accept?: string;
  /** Whether a token goes along. */
  readonly token: boolean;
  /** JSON, lines of JSON, or the length of something else. */
  readonly body: unknown;
}

const JSON_TYPE = /[/+](?:x-nd)?json$/;

/** @param heard in the order of arrival; files that are sent at the same time are put in the order of their addresses */
export function requestsOf(heard: readonly Heard[], server: HubServer): Sent[] {
  const places = (value: string): string =>
    value.replaceAll(server.address, 'HUB').replaceAll(server.filesAddress, 'FILES');
  const sent = heard.map(({ method, url, headers, body }): Sent => {
    const contentType = headers['content-type'];
    const isJson = contentType !== undefined && JSON_TYPE.test(contentType);
    const lines = (): unknown[] =>
      places(body.toString())
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as unknown);
    return {
      method,
      url,
      ...(contentType !== undefined && { contentType }),
      // Only Git LFS asks for a form of its own; elsewhere a client may accept anything.
      ...(headers.accept?.includes('git-lfs') && { accept: headers.accept }),
      token: headers.authorization !== undefined,
      body: isJson ? lines() : body.byteLength,
    };
  });
  // huggingface_hub has the card checked twice.
  const once = sent.filter((one, i) => JSON.stringify(one) !== JSON.stringify(sent.at(i - 1)));
  const isOfFile = ({ url }: Sent): boolean => url.startsWith('/upload/') || url.endsWith('/verify');
  const first = once.findIndex(isOfFile);
  const files = once.filter(isOfFile).sort((a, b) => order(a).localeCompare(order(b)));
  return [...once.slice(0, first), ...files, ...once.slice(first).filter((one) => !isOfFile(one))];
}

/** All requests of a file together, the verification last. */
function order({ method, url, body }: Sent): string {
  const oid = url.endsWith('/verify') ? (body as { oid: string }[])[0].oid : url.split(/[/?]/)[2];
  return `${oid} ${url.endsWith('/verify') ? 3 : method === 'POST' ? 2 : 1} ${url}`;
}

/** The addresses that are asked for the content of files, or for where it is, and whether a token goes along. */
export function downloadsOf(requests: readonly HubRequest[]): readonly string[] {
  const asked = requests
    .filter(({ method, path }) => ['GET', 'HEAD'].includes(method) && /\/resolve\/|^\/lfs\//.test(path))
    .map(
      ({ path, authorization }) =>
        `${path.replace(/\?.*$/, '')} ${authorization === undefined ? 'without' : 'with'} a token`,
    );
  return [...new Set(asked)].sort();
}
