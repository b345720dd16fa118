// @ts-check
/**
 * The program of the chat pages that `graft export --format page` writes, as one HTML text: the page with its style, and its worker, the CPU engine's
 * kernels and the licences packed into it. Like the command it is put together once, and kept under the hash of its sources.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { hashOfSources, rawText } from './bundle.mjs';
import { noticeOf, packageOf, written } from './notices.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SOURCES = join(ROOT, 'src', 'chat-page');
/** Ignored by git, and part of the package. */
const PROGRAMS = join(ROOT, '.cache', 'chat-page');
/** As of the studio: the first with light-dark(). */
const TARGET = ['chrome123', 'edge123', 'firefox121', 'safari17.5'];

/** @typedef {'relaxed' | 'simd'} KernelBuild */

/**
 * The path of the program, as JSON with `html` and `offline`, put together now if it was not before.
 *
 * @param {(build: KernelBuild) => Promise<string>} kernelFile the path of the compiled kernels
 * @returns {Promise<string>}
 */
export async function chatPageFile(kernelFile) {
  const kernels = { relaxed: await kernelFile('relaxed'), simd: await kernelFile('simd') };
  const hash = createHash('sha256').update(hashOfSources()).update(basename(kernels.relaxed));
  for (const name of [
    'bin/chat-page.mjs',
    ...['page.html', 'style.css', 'offline.js'].map((name) => `src/chat-page/${name}`),
  ])
    hash.update(await readFile(join(ROOT, name)));
  const name = `${hash.digest('hex').slice(0, 16)}.json`;
  const path = join(PROGRAMS, name);
  if (existsSync(path)) return path;
  const program = JSON.stringify(await put(kernels));
  await mkdir(PROGRAMS, { recursive: true });
  // Whole or not at all: another process may do the same.
  const part = `${path}.${process.pid}`;
  await writeFile(part, program);
  await rename(part, path);
  for (const other of await readdir(PROGRAMS))
    if (other !== name) await rm(join(PROGRAMS, other), { force: true });
  return path;
}

/** @param {Readonly<Record<KernelBuild, string>>} kernels */
async function put(kernels) {
  const [worker, main] = await Promise.all([bundled('worker.ts'), bundled('main.ts')]);
  const [html, style, offline] = await Promise.all(
    ['page.html', 'style.css', 'offline.js'].map((name) => readFile(join(SOURCES, name), 'utf8')),
  );
  const css = minified(style);
  const policy = [
    "default-src 'none'",
    // Compiled kernels are scripts to a policy, and no eval.
    `script-src '${hashed(main.text)}' 'wasm-unsafe-eval'`,
    `style-src '${hashed(css)}'`,
    "connect-src 'none'; worker-src blob:",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  const folders = new Set([...worker.packages, ...main.packages]);
  const licences = [
    await readFile(join(ROOT, 'LICENSE'), 'utf8'),
    written([...folders].map((folder) => noticeOf(folder))),
    // Those of what is in the kernels.
    await readFile(join(ROOT, '.cache', 'licenses.md'), 'utf8'),
  ].join('\n\n');
  /** @type {Readonly<Record<string, string>>} */
  const parts = {
    POLICY: policy,
    STYLE: css,
    WORKER: packed(worker.text),
    RELAXED: packed(await readFile(kernels.relaxed)),
    SIMD: packed(await readFile(kernels.simd)),
    LICENCES: packed(licences),
    MAIN: main.text,
  };
  return { html: html.replaceAll(/\s*%([A-Z]+)%\s*/g, (_, name) => parts[name]), offline };
}

/** Our own sources, as esbuild names them, and what is read as text. */
const OWN = /^(?:src|shaders)\/|^raw:/;

/** @param {string} entry @returns {Promise<{ text: string, packages: string[] }>} its script, and the folders of the packages in it */
async function bundled(entry) {
  const { build } = await import('esbuild');
  const { outputFiles, metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: [join(SOURCES, entry)],
    outfile: join(PROGRAMS, 'script.js'),
    write: false,
    logLevel: 'silent',
    bundle: true,
    minify: true,
    platform: 'browser',
    target: TARGET,
    format: 'iife',
    charset: 'utf8',
    legalComments: 'none',
    metafile: true,
    plugins: [rawText],
  });
  const [{ text }] = outputFiles;
  // It would begin a comment of the page.
  if (text.includes('<!--')) throw new Error(`${entry} has <!-- in its script`);
  const others = Object.keys(metafile.inputs).filter((path) => !OWN.test(path));
  return { text, packages: [...new Set(others.map((path) => packageOf(join(ROOT, path))))] };
}

/** @param {string} css */
const minified = (css) =>
  css
    .replaceAll(/\/\*.*?\*\//gs, '')
    .replaceAll(/\s+/g, ' ')
    .trim();

/** @param {string} text as it stands in an element */
const hashed = (text) => `sha256-${createHash('sha256').update(text).digest('base64')}`;

/** @param {string | Uint8Array} data */
const packed = (data) => gzipSync(data, { level: 9 }).toString('base64');
