// @ts-check
/**
 * The command as one file, and a thread of it as another. To strip the types of some hundred files takes a second at every start; here it is done once, and kept under the
 * hash of the sources: `npm ci` does it, the published package contains it, and after a change the next start does it.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { register } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Ignored by git, and part of the package. */
const BUNDLES = join(ROOT, '.cache', 'command');
/** What the page has for itself: the package is without it. */
const OF_THE_PAGE = /^(?:app|worker|storage)\b/;

/** The modules in src/cli that are put together. */
const ENTRIES = ['main', 'section-thread'];

/**
 * Runs such a module: as one file or, if that cannot be kept, its TypeScript sources as they are. Then tsx strips types, and the hook lets `x.wgsl?raw` mean the same
 * as in Vite.
 *
 * @param {string} entry
 */
export async function load(entry) {
  const bundled = await bundle().catch(() => undefined);
  if (bundled === undefined) {
    const { register: registerTypeScript } = await import('tsx/esm/api');
    register('./wgsl-loader.mjs', import.meta.url);
    registerTypeScript();
    await import(`../src/cli/${entry}.ts`);
  } else {
    process.setSourceMapsEnabled(true);
    await import(pathToFileURL(fileOf(entry, bundled)).href);
  }
}

/** @returns {Promise<string>} the hash under which the files are kept, made now if they were not before. @throws if nothing can be kept */
export async function bundle() {
  const hash = hashOfSources();
  if (!ENTRIES.every((entry) => existsSync(fileOf(entry, hash)))) await keep(hash);
  return hash;
}

/** @param {string} entry @param {string} hash */
const fileOf = (entry, hash) => join(BUNDLES, `${hash}-${entry}.mjs`);

/** Changes with every source and with how they are put together. */
export function hashOfSources() {
  const hash = createHash('sha256').update(readFileSync(fileURLToPath(import.meta.url)));
  for (const folder of ['src', 'shaders'])
    for (const name of readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).sort())
      if (/\.(?:ts|mjs|wgsl|py)$/.test(name) && !OF_THE_PAGE.test(name))
        hash.update(name).update(readFileSync(join(ROOT, folder, name)));
  return hash.digest('hex').slice(0, 16);
}

/** @param {string} hash */
async function keep(hash) {
  const { build } = await import('esbuild');
  const { outputFiles } = await build({
    entryPoints: ENTRIES.map((entry) => join(ROOT, 'src', 'cli', `${entry}.ts`)),
    outdir: BUNDLES,
    entryNames: `${hash}-[name]`,
    outExtension: { '.js': '.mjs' },
    write: false,
    logLevel: 'silent',
    bundle: true,
    packages: 'external',
    platform: 'node',
    target: 'node20',
    format: 'esm',
    keepNames: true,
    // A stack trace names the real line.
    sourcemap: true,
    sourcesContent: false,
    // Files next to the sources are where they were.
    define: { 'import.meta.url': 'SOURCE_URL' },
    banner: { js: "const SOURCE_URL = new URL('../../src/cli/main.ts', import.meta.url).href;" },
    plugins: [rawText],
  });
  await mkdir(BUNDLES, { recursive: true });
  for (const { path: file, contents } of outputFiles) {
    // Whole or not at all: another process may do the same.
    const part = `${file}.${process.pid}`;
    await writeFile(part, contents);
    await rename(part, file);
  }
  for (const name of await readdir(BUNDLES))
    if (!name.startsWith(hash)) await rm(join(BUNDLES, name), { force: true });
}

/** `import source from './x.wgsl?raw'` gives the file's text, as Vite does. @type {import('esbuild').Plugin} */
export const rawText = {
  name: 'raw-text',
  setup(build) {
    build.onResolve({ filter: /\?raw$/ }, ({ path, resolveDir }) => ({
      path: join(resolveDir, path.slice(0, -'?raw'.length)),
      namespace: 'raw',
    }));
    build.onLoad({ filter: /./, namespace: 'raw' }, ({ path }) => ({
      contents: readFileSync(path, 'utf8'),
      loader: 'text',
    }));
  },
};
