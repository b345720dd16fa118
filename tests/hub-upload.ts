/** The part of the hub's protocol that changes a repository: creation, preupload, Git LFS and commits. */
import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { HubRepo } from './hub-server.ts';

/** A token that may read, and write nothing. */
export const READ_TOKEN = 'hf_aTokenThatReads';

/** A request with a body, as it came. */
export interface Heard {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Commit {
  readonly repo: string;
  readonly summary: string;
  /** Paths, with the way that each came. */
  readonly files: Readonly<Record<string, 'regular' | 'lfs'>>;
}

interface Asked {
  readonly pathname: string;
  readonly body: Buffer;
  readonly filesAddress: string;
  readonly hubAddress: string;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const gitSha1 = (bytes: Uint8Array): string =>
  createHash('sha1').update(`blob ${bytes.byteLength}\0`).update(bytes).digest('hex');

export async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

export class HubUpload {
  /** Contents in the large-file storage, by their SHA-256. */
  readonly stored = new Map<string, Buffer>();
  readonly commits: Commit[] = [];
  /** Content of at least this length is sent in parts of this length. */
  chunk = Infinity;
  /** Paths that the repository's .gitignore names. */
  ignored = /^$/;
  /** All requests with a body. */
  readonly heard: Heard[] = [];
  readonly #parts = new Map<string, Map<number, Buffer>>();

  constructor(private readonly repos: Map<string, HubRepo>) {}

  /** @param write whether the token may */
  answer(response: ServerResponse, { pathname, body, ...servers }: Asked, write: boolean): void {
    const json = (status: number, value: unknown): void => {
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
    };
    if (!write) return json(403, { error: 'You do not have the rights' });
    if (pathname === '/api/repos/create') return json(...this.#create(body));
    if (pathname === '/api/validate-yaml') return json(...this.#validate(body));
    const preupload = /^\/api\/models\/(.+)\/preupload\/main$/.exec(pathname);
    const commit = /^\/api\/models\/(.+)\/commit\/main$/.exec(pathname);
    const lfs = /^\/(.+)\.git\/info\/lfs\/objects\/(batch|verify)$/.exec(pathname);
    const id = (preupload ?? commit ?? lfs)?.[1] ?? '';
    if (!this.repos.has(id)) return json(404, { error: 'Repository not found' });
    if (preupload) return json(200, this.#preupload(id, body));
    if (commit) return json(...this.#commit(id, body));
    if (lfs?.[2] === 'verify') return json(this.#isStored(body) ? 200 : 404, {});
    return json(200, this.#batch(id, body, servers));
  }

  /** Parts, and their completion, at the server of files. */
  receive(response: ServerResponse, method: string, url: URL, body: Buffer): void {
    const oid = url.pathname.split('/').at(-1)!;
    const part = url.searchParams.get('part');
    if (method === 'PUT' && part !== null) {
      const parts = this.#parts.get(oid) ?? new Map<number, Buffer>();
      this.#parts.set(oid, parts.set(Number(part), body));
      response.writeHead(200, { ETag: `"${sha256(body).slice(0, 8)}"` }).end();
      return;
    }
    let whole = body;
    if (method === 'POST') {
      const { parts } = JSON.parse(body.toString()) as { parts: { partNumber: number; etag: string }[] };
      const had = this.#parts.get(oid) ?? new Map<number, Buffer>();
      whole = Buffer.concat(parts.map(({ partNumber }) => had.get(partNumber) ?? Buffer.alloc(0)));
      if (parts.some(({ partNumber, etag }) => etag !== `"${sha256(had.get(partNumber)!).slice(0, 8)}"`))
        whole = Buffer.alloc(0);
    }
    const isRight = sha256(whole) === oid;
    if (isRight) this.stored.set(oid, whole);
    response.writeHead(isRight ? 200 : 400).end();
  }

  #create(body: Buffer): [number, unknown] {
    const asked = JSON.parse(body.toString()) as {
      readonly organization: string;
      readonly name: string;
      readonly visibility?: 'public' | 'private';
    };
    const id = `${asked.organization}/${asked.name}`;
    if (this.repos.has(id)) return [409, { error: 'You already created this model repo' }];
    this.repos.set(id, { files: {}, private: asked.visibility === 'private' });
    return [200, { url: id }];
  }

  /** The hub checks all of a card's metadata; this one only the licence. */
  #validate(body: Buffer): [number, unknown] {
    const { content } = JSON.parse(body.toString()) as { content: string };
    const errors = /^license: *$/m.test(content) ? [{ message: '"license" is not allowed to be empty' }] : [];
    return [errors.length > 0 ? 400 : 200, { errors, warnings: [] }];
  }

  #preupload(id: string, body: Buffer): unknown {
    const { files } = JSON.parse(body.toString()) as { files: { path: string; size: number }[] };
    return {
      files: files.map(({ path }) => {
        const there = this.repos.get(id)!.files[path] as Uint8Array | undefined;
        const isLarge = /\.(safetensors|gguf|bin)$/.test(path);
        const oid = there && (isLarge ? sha256(there) : gitSha1(there));
        return {
          path,
          uploadMode: isLarge ? 'lfs' : 'regular',
          shouldIgnore: this.ignored.test(path),
          ...(oid !== undefined && { oid }),
        };
      }),
    };
  }

  #isStored(body: Buffer): boolean {
    return this.stored.has((JSON.parse(body.toString()) as { oid: string }).oid);
  }

  #batch(
    id: string,
    body: Buffer,
    { hubAddress, filesAddress }: Pick<Asked, 'hubAddress' | 'filesAddress'>,
  ): unknown {
    const { objects } = JSON.parse(body.toString()) as { objects: { oid: string; size: number }[] };
    return {
      transfer: 'multipart',
      objects: objects.map(({ oid, size }) => {
        if (this.stored.has(oid)) return { oid, size };
        const href = `${filesAddress}/upload/${oid}`;
        const parts = Array.from({ length: Math.ceil(size / this.chunk) }, (_, at) => [
          String(at + 1).padStart(5, '0'),
          `${href}?part=${at + 1}&signature=x`,
        ]);
        const header =
          size < this.chunk ? {} : { chunk_size: String(this.chunk), ...Object.fromEntries(parts) };
        const verify = { href: `${hubAddress}/${id}.git/info/lfs/objects/verify` };
        return { oid, size, actions: { upload: { href, header }, verify } };
      }),
    };
  }

  #commit(id: string, body: Buffer): [number, unknown] {
    interface Line {
      readonly key: string;
      readonly value: {
        readonly summary: string;
        readonly path: string;
        readonly content: string;
        readonly oid: string;
      };
    }
    const [header, ...lines] = body
      .toString()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Line);
    const repo = this.repos.get(id)!;
    const files: Record<string, Uint8Array> = { ...repo.files };
    for (const { key, value } of lines) {
      const content = key === 'lfsFile' ? this.stored.get(value.oid) : Buffer.from(value.content, 'base64');
      if (!content) return [422, { error: `The content of ${value.path} was not uploaded` }];
      files[value.path] = content;
    }
    this.repos.set(id, { ...repo, files });
    this.commits.push({
      repo: id,
      summary: header.value.summary,
      files: Object.fromEntries(
        lines.map(({ key, value }) => [value.path, key === 'lfsFile' ? 'lfs' : 'regular']),
      ),
    });
    const commitOid = sha256(body).slice(0, 40);
    return [200, { success: true, commitOid, commitUrl: `/${id}/commit/${commitOid}`, hookOutput: '' }];
  }
}
