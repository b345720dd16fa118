/** The licences of what the built page and the package contain. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { dependencies } from '../../package.json' with { type: 'json' };

const ROOT = join(import.meta.dirname, '../..');
/** Used by the command only, and installed with the package instead of bundled. */
const NOT_IN_PAGE = ['webgpu', 'esbuild', 'tsx', 'htmlparser2', 'unpdf'];
/** Bundled although only the build needs their packages: compiled components, and the library of the compiled kernels. */
const COMPILED_IN = ['svelte', 'assemblyscript'];

const folderOf = (name: string): string => join(ROOT, 'node_modules', name);

function expectNotice(notices: string, name: string): void {
  const { name: own, version } = JSON.parse(readFileSync(join(folderOf(name), 'package.json'), 'utf8')) as {
    name: string;
    version: string;
  };
  const [licence] = readdirSync(folderOf(name)).filter((file) => /^licen[cs]e/i.test(file));
  expect(notices, name).toContain(`## ${own} - ${version}`);
  expect(notices, name).toContain(readFileSync(join(folderOf(name), licence), 'utf8').trim());
}

test('the page carries the name and the licence of every package that it contains', async () => {
  const response = await fetch(new URL('licenses.md', inject('address')));
  expect(response.status).toBe(200);
  const notices = await response.text();
  for (const name of [...Object.keys(dependencies), ...COMPILED_IN])
    if (!NOT_IN_PAGE.includes(name)) expectNotice(notices, name);
  // Their licence is in their repository, and not in the package.
  for (const name of ['onnxruntime-web', 'onnxruntime-common'])
    expect(notices).toMatch(
      new RegExp(`## ${name} - \\S+ \\(MIT\\)\n\nMIT License\n\nCopyright \\(c\\) Microsoft`),
    );
  expectNotice(notices, '@xenova/transformers');
  expect(notices).toContain(readFileSync(join(ROOT, 'public/pdf/LICENSE'), 'utf8').trim());
  // Vite's own list, which lacks the worker's packages, is not left behind.
  expect((await fetch(new URL('licenses.json', inject('address')))).status).toBe(404);
});

test('the package carries the licence of what is compiled into it, and bundles nothing else', () => {
  execFileSync(process.execPath, ['--import', 'tsx', 'scripts/kernels.ts'], { cwd: ROOT });
  execFileSync(process.execPath, ['scripts/bundle.mjs'], { cwd: ROOT });
  const [{ files }] = JSON.parse(
    execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: ROOT, encoding: 'utf8' }),
  ) as [{ files: { path: string }[] }];
  const paths = files.map(({ path }) => path);
  expect(paths).toContain('.cache/licenses.md');
  expectNotice(readFileSync(join(ROOT, '.cache/licenses.md'), 'utf8'), 'assemblyscript');
  const maps = paths.filter((path) => /^\.cache\/command\/.*\.map$/.test(path));
  // The command, and the thread that reads large files with it.
  expect(maps.map((path) => path.replace(/^.*?-/, ''))).toEqual(['main.mjs.map', 'section-thread.mjs.map']);
  for (const map of maps) {
    const { sources } = JSON.parse(readFileSync(join(ROOT, map), 'utf8')) as { sources: string[] };
    expect(sources.filter((source) => source.includes('node_modules'))).toEqual([]);
  }
});
