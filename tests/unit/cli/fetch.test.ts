/** `graft fetch` as a person runs it, against the tests' own hub. */
import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { HubServer, TOKEN } from '../../hub-server.ts';

const ROOT = join(import.meta.dirname, '../../..');
const weights = Buffer.alloc(300_000, 'weights ');
const files = {
  'config.json': Buffer.from('{"model_type": "llama"}'),
  'tokenizer.json': Buffer.from('{}'),
  'model.safetensors': weights,
  'pytorch_model.bin': Buffer.alloc(10),
};

const pooling = Buffer.from('{"pooling_mode_cls_token": true}');
const [train, test] = ['train', 'test'].map((part) =>
  Buffer.from(`{"prompt": "a", "completion": "${part}"}\n`),
);
const rows = {
  'README.md': Buffer.from('# Rows'),
  'dataset_infos.json': Buffer.from('{}'),
  'data/train.jsonl': train,
  'data/test.jsonl': test,
  'other/rows.csv': Buffer.from('prompt,completion\na,b\n'),
};

let server: HubServer;
let folder: string;
beforeAll(async () => {
  server = await HubServer.start({
    'org/model': { files, licence: 'mit' },
    'org/gated': { files, gated: true },
    'org/encoder': {
      files: { ...files, 'modules.json': Buffer.from('[]'), '1_Pooling/config.json': pooling },
    },
    'datasets/org/rows': { files: rows, licence: 'cc-by-4.0' },
  });
  folder = mkdtempSync(join(tmpdir(), 'graft-fetch-'));
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await server.close();
});
beforeEach(() => server.reset());

function graft(
  args: readonly string[],
  env = {},
): Promise<{ code: number | null; out: string; err: string }> {
  return new Promise((resolve) => {
    const child = spawn('node', [join(ROOT, 'bin/graft.mjs'), 'fetch', ...args], {
      env: { ...process.env, HF_ENDPOINT: server.address, HF_TOKEN: '', ...env },
    });
    const [out, err] = [[] as Buffer[], [] as Buffer[]];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.on('close', (code) =>
      resolve({ code, out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString() }),
    );
  });
}

describe('graft fetch', () => {
  it('writes how an encoder pools into its own folder', async () => {
    const to = join(folder, 'encoder');
    const { code, err } = await graft(['org/encoder', '--to', to]);
    expect(code, err).toBe(0);
    expect(readFileSync(join(to, '1_Pooling', 'config.json'))).toEqual(pooling);
    expect(existsSync(join(to, 'modules.json'))).toBe(true);
  });

  it('fetches the files of a model, and continues a partial download', async () => {
    const to = join(folder, 'model');
    // As after a break.
    server.fail(/model\.safetensors/, { status: 400 });
    const broken = await graft(['org/model', '--to', to]);
    expect(broken.code).toBe(1);
    expect(broken.err).toMatch(/answered 400.*is kept/);
    writeFileSync(join(to, 'model.safetensors.part'), weights.subarray(0, 100_000));
    writeFileSync(join(to, 'model.safetensors.part.json'), '{}');
    server.reset();
    const { code, out, err } = await graft(['org/model', '--to', to]);
    expect(err).toContain('org/model: 3 files, 300.0 kB, licence mit'.replace('300.0', '300'));
    expect(err).toContain('Every file matches the checksum of the hub.');
    expect({ code, out }).toEqual({ code: 0, out: `${to}\n` });
    expect(readdirSync(to).sort()).toEqual(['config.json', 'model.safetensors', 'tokenizer.json']);
    expect(readFileSync(join(to, 'model.safetensors')).equals(weights)).toBe(true);
    expect(server.requests.filter(({ server: by }) => by === 'files').map(({ range }) => range)).toEqual([
      'bytes=100000-',
    ]);
  });

  it('does not write over a file of its own', async () => {
    const to = join(folder, 'model');
    const changed = Buffer.from(weights);
    changed[5] ^= 1;
    writeFileSync(join(to, 'model.safetensors'), changed);
    const { code, err } = await graft(['org/model', '--to', to]);
    expect(code).toBe(1);
    expect(err).toContain('is not the file that the server has');
    expect(existsSync(join(to, 'model.safetensors'))).toBe(true);
  });

  it.each([
    ['a beginning', weights.subarray(0, 100_000)],
    ['the whole', weights],
    ['something else', Buffer.alloc(300_000)],
  ])('does not touch the begun download of another program, with %s of the file', async (what, bytes) => {
    const to = join(folder, what);
    mkdirSync(to);
    writeFileSync(join(to, 'model.safetensors.part'), bytes);
    const { code, err } = await graft(['org/model', '--to', to]);
    expect(code).toBe(1);
    expect(err).toMatch(
      /model\.safetensors\.part is there and is not Graft's partial download\..*Move it away/,
    );
    expect(readFileSync(join(to, 'model.safetensors.part')).equals(bytes)).toBe(true);
    expect(existsSync(join(to, 'model.safetensors'))).toBe(false);
  });

  it('gives up a listing that never ends', async () => {
    server.fail(/\/api\//, { endless: 200 });
    const { code, err } = await graft(['org/model', '--to', join(folder, 'endless')]);
    expect(code).toBe(1);
    expect(err).toMatch(
      /^graft: The answer of \S+ about org\/model is too long: it has more than 33\.6 MB\. Check/,
    );
    expect(existsSync(join(folder, 'endless'))).toBe(false);
  });

  it('fetches the rows of a data set by its id or its page, or one file of it', async () => {
    const to = join(folder, 'rows');
    const { code, out, err } = await graft(['datasets/org/rows', '--to', to]);
    expect(err).toMatch(/org\/rows: 2 files, .*licence cc-by-4.0/);
    expect({ code, out }).toEqual({ code: 0, out: `${to}\n` });
    expect(readdirSync(to).sort()).toEqual(['test.jsonl', 'train.jsonl']);
    expect(readFileSync(join(to, 'train.jsonl')).equals(train)).toBe(true);
    const page = [`${server.address}/datasets/org/rows`, '--to', join(folder, 'page')];
    expect((await graft([...page, '--file', 'rows.csv'])).out).toBe(`${join(folder, 'page', 'rows.csv')}\n`);
    expect((await graft([...page, '--file', 'x.csv'])).err).toMatch(
      /org\/rows has no file x\.csv\. It has data\/train\.jsonl, data\/test\.jsonl, other\/rows\.csv\./,
    );
  });

  it('takes a token from the environment, and says when one is needed', async () => {
    const to = join(folder, 'gated');
    const refused = await graft(['org/gated', '--to', to]);
    expect(refused.err).toMatch(/accounts that have accepted its licence/);
    // No folder is left that would look like a model.
    expect(existsSync(to)).toBe(false);
    const { code } = await graft(['org/gated', '--to', to, '--hub', server.address], {
      HF_TOKEN: TOKEN,
      HF_ENDPOINT: 'http://localhost:9',
    });
    expect(code).toBe(0);
  });
});
