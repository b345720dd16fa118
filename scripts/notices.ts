/**
 * The licences of what others wrote and we pass on. Vite collects those of the page (`build.license`) and leaves workers out: here the worker's are
 * added, and what is in the compiled kernels.
 */
import { readFileSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Plugin } from 'vite';
import { noticeOf, packageOf, written, type Notice } from '../bin/notices.mjs';
import { root } from './machine.mjs';

/** Vite's list, which is removed once it is part of {@link NOTICES}. */
export const LIST = 'licenses.json';
/** In the built page, and below `.cache` in the package. */
export const NOTICES = 'licenses.md';

const MODULES = '/node_modules/';

/** The kernels contain the parts of AssemblyScript's library that they use. */
const ofKernels = (): Notice => noticeOf(join(root, 'node_modules', 'assemblyscript'));

/** The character maps of PDFs, which the page and the package both have. */
const ofCharacterMaps = (): Notice => ({
  name: 'Adobe CMap resources',
  version: '2009, as pdfjs-dist 5.6.205 packs them',
  identifier: 'BSD-3-Clause',
  text: readFileSync(join(root, 'public', 'pdf', 'LICENSE'), 'utf8').trim(),
});

/** Packages whose licence is in their repository only, with its text. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'onnxruntime-web': 'onnxruntime.txt',
  'onnxruntime-common': 'onnxruntime.txt',
};

function noticeOfPackage(folder: string): Notice {
  const file = ELSEWHERE[basename(folder)];
  return noticeOf(folder, file && readFileSync(join(root, 'scripts', 'licences', file), 'utf8'));
}

/** Writes the notices of the built page. One plugin is for the page, the other for its worker. */
export function pageNotices(): { readonly page: Plugin; readonly worker: Plugin } {
  const folders = new Set<string>();
  return {
    worker: {
      name: 'graft-worker-notices',
      generateBundle(_, bundle) {
        for (const part of Object.values(bundle)) {
          const modules = part.type === 'chunk' ? part.moduleIds : [];
          for (const id of modules)
            if (id.includes(MODULES) && !id.startsWith('\0')) folders.add(packageOf(id));
        }
      },
    },
    page: {
      name: 'graft-page-notices',
      apply: 'build',
      async writeBundle({ dir }) {
        const list = join(dir!, LIST);
        const ofPage = JSON.parse(await readFile(list, 'utf8')) as Notice[];
        const all = [...ofPage, ...[...folders].map(noticeOfPackage), ofKernels(), ofCharacterMaps()];
        await writeFile(join(dir!, NOTICES), written(all));
        await rm(list);
      },
    },
  };
}

/** Writes the notices of the package: its command is bundled from our own sources only, its kernels are compiled, and the character maps are a file. */
export async function writePackageNotices(): Promise<void> {
  const folder = join(root, '.cache');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, NOTICES), written([ofKernels(), ofCharacterMaps()]));
}
