import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import {
  folder,
  makeFolder,
  openBytes,
  readWhole,
  removeFolder,
  replaceFolder,
  writeFolder,
  writeWhole,
} from '../../../src/cli/files.ts';
import { GraftError } from '../../../src/errors.ts';
import { graftError } from '../expect-graft-error.ts';

let at: (...parts: string[]) => string;
let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'graft-files-'));
  at = (...parts) => join(root, ...parts);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const text = (value: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(value);

describe('files of this machine', () => {
  it('are read in ranges, and only as far as they go', async () => {
    writeFileSync(at('a'), 'hello');
    await mkdir(at('inside'));
    const files = folder(root);
    const source = (await files.open('a'))!;
    expect(source.size).toBe(5);
    expect(await source.read(1, 3)).toEqual(text('el'));
    await graftError(() => source.read(3, 6), 'bytes-range');
    writeFileSync(at('a'), 'hi');
    await graftError(() => source.read(0, 5), 'bytes-read');
    expect(await files.open('none')).toBeUndefined();
    // A folder in place of a file is not a file.
    expect(await files.open('inside')).toBeUndefined();
    await graftError(() => folder(at('a')), 'file-missing');
    await graftError(() => readWhole(at('inside')), 'file-missing');
  });

  it('are written whole or not at all', async () => {
    await writeWhole(at('deep', 'b'), text('one'));
    const failing = async function* (): AsyncGenerator<Uint8Array> {
      yield text('tw');
      throw new GraftError('test', 'No more.', '');
    };
    await graftError(() => writeWhole(at('deep', 'b'), failing()), 'test');
    expect(readFileSync(at('deep', 'b'), 'utf8')).toBe('one');
    expect(readdirSync(at('deep'))).toEqual(['b']);
    await graftError(() => makeFolder(at('deep', 'b')), 'file-write');
    await graftError(() => writeFolder(at('deep', 'b', 'c'), { d: text('x') }), 'file-write');
  });

  it('are written past the begun file of another program', async () => {
    writeFileSync(at('c.part'), 'mine');
    await writeWhole(at('c'), text('one'));
    const failing = async function* (): AsyncGenerator<Uint8Array> {
      yield text('tw');
      throw new GraftError('test', 'No more.', '');
    };
    await graftError(() => writeWhole(at('c'), failing()), 'test');
    expect(readFileSync(at('c'), 'utf8')).toBe('one');
    expect(readFileSync(at('c.part'), 'utf8')).toBe('mine');
    expect(
      readdirSync(root)
        .filter((name) => name.startsWith('c'))
        .sort(),
    ).toEqual(['c', 'c.part']);
  });

  it('replace a folder only when the new one is complete', async () => {
    const fill = (content: string) => (path: string) => writeFolder(path, { [content]: text(content) });
    await replaceFolder(at('state'), fill('one'));
    expect(existsSync(at('state.old'))).toBe(false);
    await replaceFolder(at('state'), fill('two'));
    expect(readdirSync(at('state'))).toEqual(['two']);
    expect(readdirSync(at('state.old'))).toEqual(['one']);
    const broken = async (path: string): Promise<void> => {
      await fill('three')(path);
      throw new GraftError('test', 'The disk is full.', '');
    };
    await graftError(() => replaceFolder(at('state'), broken), 'test');
    expect(readdirSync(at('state'))).toEqual(['two']);
    expect(existsSync(at('state.part'))).toBe(false);
    // As after a crash: it neither blocks the next write nor counts as its result.
    await writeFolder(at('state.part'), { half: text('') });
    await replaceFolder(at('state'), fill('four'));
    expect(readdirSync(at('state'))).toEqual(['four']);
    expect(readdirSync(at('state.old'))).toEqual(['two']);
    await removeFolder(at('state'));
    await removeFolder(at('state'));
    expect(readdirSync(root)).toEqual(['state.old']);
  });

  it('give up the kept folder if there is not enough room for a third', async () => {
    const fill = (content: string) => (path: string) => writeFolder(path, { [content]: text(content) });
    await replaceFolder(at('state'), fill('one'));
    await replaceFolder(at('state'), fill('two'));
    const needsRoom = async (path: string): Promise<void> => {
      if (existsSync(at('state.old'))) throw new GraftError('test', 'The disk is full.', '');
      await fill('three')(path);
    };
    await replaceFolder(at('state'), needsRoom);
    expect(readdirSync(at('state'))).toEqual(['three']);
    expect(readdirSync(at('state.old'))).toEqual(['two']);
  });
});

describe('a folder that cannot be made', () => {
  /** In a process of its own, which can be ended if it never ends. @param prefix a command that runs it */
  const attempt = (path: string, prefix: readonly string[] = []): { ended: boolean; said: string } => {
    const program = `
      import { makeFolder } from ${JSON.stringify(pathToFileURL('src/cli/files.ts').href)};
      await makeFolder(${JSON.stringify(path)}).then(() => console.log('made'), (error) => console.log(error.message));`;
    const node = [process.execPath, '--import', 'tsx', '--input-type=module', '-e', program];
    const [command, ...args] = [...prefix, ...node];
    const { signal, stdout } = spawnSync(command, args, {
      encoding: 'utf8',
      timeout: 30_000,
      killSignal: 'SIGKILL',
    });
    return { ended: signal === null, said: stdout.trim() };
  };

  it('is named in one sentence with the reason', () => {
    writeFileSync(at('file'), 'text');
    const isFile = (path: string): string => `${path} is not a folder, so nothing can be written there.`;
    const places = {
      [at('file')]: isFile(at('file')),
      [at('file', 'x', 'y')]: isFile(at('file')),
      '/dev/null/x': isFile('/dev/null'),
      ...(process.platform === 'linux' && {
        '/proc/graft': '/proc takes no new folders, so /proc/graft cannot be made.',
        '/proc/graft/deeper': '/proc takes no new folders, so /proc/graft cannot be made.',
      }),
    };
    for (const [path, what] of Object.entries(places))
      expect(attempt(path), path).toEqual({ ended: true, said: `${what} Choose another folder.` });
  }, 120_000);

  it('may lie on a disk that is mounted for reading only', ({ skip }) => {
    const mount = `mount -t tmpfs -o ro none '${root}' && exec "$@"`;
    const prefix = ['unshare', '-rm', 'sh', '-c', mount, 'sh'];
    const [command, ...args] = [...prefix, 'true'];
    skip(spawnSync(command, args).status !== 0, 'this user may not mount a disk');
    expect(attempt(at('x'), prefix).said).toMatch(`${at('x')} could not be written: EROFS`);
  }, 60_000);
});

test('the bytes of a file are the same in whatever order they are asked for', async () => {
  // Longer than what is read ahead.
  const content = Uint8Array.from({ length: 700_000 }, (_, i) => (i * 7 + (i >> 8)) % 251);
  writeFileSync(at('rows'), content);
  const bytes = await openBytes(at('rows'));
  const starts = [
    ...Array.from({ length: 900 }, (_, i) => 777 * i), // one after another
    ...[10, 699_990, 350_000, 350_100, 350_050, 699_999, 0],
  ];
  for (const start of starts)
    for (const length of [1, 700, 40_000]) {
      const [got, want] = [bytes, content].map((from) => from.subarray(start, start + length));
      expect(Buffer.compare(got, want), `${start}, ${length}`).toBe(0);
    }
});
