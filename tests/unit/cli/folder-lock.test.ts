/** One folder, one writer: also when two come at once, and after one was killed. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { lockFolder } from '../../../src/cli/folder-lock.ts';
import { openSaved } from '../../../src/cli/saved-run.ts';
import { graftError } from '../expect-graft-error.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'graft-lock-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** Another process that takes the lock and reports the result; it then lives until it is killed. */
function other(): ChildProcess {
  const program = `
    import { lockFolder } from ${JSON.stringify(pathToFileURL('src/cli/folder-lock.ts').href)};
    await lockFolder(${JSON.stringify(root)}, 'graft train').then(
      () => { console.log('locked'); setInterval(() => undefined, 1000); },
      (error) => console.log(error.code));`;
  return spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}
async function said({ stdout }: ChildProcess): Promise<string> {
  const [text] = (await once(stdout!, 'data')) as [Buffer];
  return text.toString().trim();
}

it('is held by a living process and named, and not by a dead one', async () => {
  const child = other();
  expect(await said(child)).toBe('locked');
  const error = await graftError(() => lockFolder(root, 'graft merge'), 'folder-locked');
  expect(error.what).toContain(`${root} is in use: graft train (process ${child.pid})`);
  // No order of day and month that depends on the country.
  expect(error.what).toMatch(/ since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.$/);
  const early = await graftError(() => openSaved(root), 'folder-locked');
  expect(early.what).toContain(`in progress in ${root} and has saved no state yet: graft train`);
  child.kill('SIGKILL');
  await once(child, 'exit');
  await graftError(() => openSaved(root), 'state-missing');
  expect(readdirSync(root)).toHaveLength(1);
  const release = await lockFolder(root, 'graft merge');
  expect(readdirSync(root)).toHaveLength(1);
  await graftError(() => lockFolder(root, 'graft train'), 'folder-locked');
  await release();
  expect(readdirSync(root)).toEqual([]);
});

it('is never held by two that come at once', async () => {
  const children = Array.from({ length: 4 }, other);
  const answers = await Promise.all(children.map(said));
  for (const child of children) child.kill('SIGKILL');
  expect(answers.filter((answer) => answer === 'locked').length).toBeLessThan(2);
  for (const answer of answers) expect(['locked', 'folder-locked']).toContain(answer);
});

it('is known by more than the number of a process', async () => {
  const release = await lockFolder(root, 'graft train');
  const [name] = readdirSync(root);
  const path = join(root, name);
  const own = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  await release();
  const holds = async (change: Record<string, unknown> | string): Promise<boolean> => {
    writeFileSync(path, typeof change === 'string' ? change : JSON.stringify({ ...own, ...change }));
    const answer = await lockFolder(root, 'graft train').catch((error: unknown) => error);
    rmSync(path, { force: true });
    if (typeof answer !== 'function') return true;
    await (answer as () => Promise<void>)();
    return false;
  };
  expect(await holds({})).toBe(true);
  // The process id was reused, the machine was restarted, the file was never finished.
  if (own['started'] !== undefined) expect(await holds({ started: '1' })).toBe(false);
  if (own['boot'] !== undefined) expect(await holds({ boot: 'another' })).toBe(false);
  expect(await holds({ pid: 2 ** 22 + 1 })).toBe(false);
  expect(await holds({ at: 0 })).toBe(false);
  expect(await holds('{"pid')).toBe(false);
  // Another machine on the same disk cannot be asked.
  expect(await holds({ machine: 'elsewhere pid:[1]' })).toBe(true);
});

it('leaves no folder behind that it made for nothing', async () => {
  const release = await lockFolder(join(root, 'new'), 'graft train');
  await release();
  expect(existsSync(join(root, 'new'))).toBe(false);
});

it('a file in place of the folder of a run is named', async () => {
  const file = join(root, 'adapter_model.safetensors');
  writeFileSync(file, 'weights');
  const { what } = await graftError(() => openSaved(file), 'file-missing');
  expect(what).toContain(file);
});
