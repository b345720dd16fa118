/**
 * The licences of what others wrote and we pass on. Vite collects those of the page (`build.license`) and leaves workers out: here the worker's are
 * added, and what is in the compiled kernels.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Plugin } from 'vite';
import { root } from './machine.mjs';

/** An entry of Vite's list. */
interface Notice {
  readonly name: string;
  readonly version: string;
  /** As SPDX has it. */
  readonly identifier?: string;
  readonly text?: string;
}

/** Vite's list, which is removed once it is part of {@link NOTICES}. */
export const LIST = 'licenses.json';
/** In the built page, and below `.cache` in the package. */
export const NOTICES = 'licenses.md';

const MODULES = '/node_modules/';
const LICENCES = /^(?:licen[cs]e|copying|notice)/i;

function noticeOf(folder: string): Notice {
  const about = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    name: string;
    version: string;
    license?: string;
  };
  const { name, version, license } = about;
  const files = readdirSync(folder).filter((file) => LICENCES.test(file));
  if (files.length === 0) throw new Error(`${name} ${version} is bundled and has no file with its licence`);
  const text = files.map((file) => readFileSync(join(folder, file), 'utf8').trim()).join('\n\n');
  return { name, version, text, ...(license !== undefined && { identifier: license }) };
}

/** The folder of the package that a module belongs to: the nearest with a name and a version. */
function packageOf(module: string): string {
  let folder = dirname(module);
  for (; folder.includes(MODULES); folder = dirname(folder)) {
    const path = join(folder, 'package.json');
    if (existsSync(path) && 'version' in (JSON.parse(readFileSync(path, 'utf8')) as object)) return folder;
  }
  throw new Error(`${module} belongs to no package`);
}

/** The kernels contain the parts of AssemblyScript's library that they use. */
const ofKernels = (): Notice => noticeOf(join(root, 'node_modules', 'assemblyscript'));

function written(notices: readonly Notice[]): string {
  const byName = new Map(notices.map((notice) => [`${notice.name}@${notice.version}`, notice]));
  const parts = [...byName.keys()].sort().map((key) => {
    const { name, version, identifier, text = '' } = byName.get(key)!;
    return `## ${name} - ${version}${identifier === undefined ? '' : ` (${identifier})`}\n\n${text}\n`;
  });
  return ['# Licences\n\nGraft contains parts of these packages, under their own licences.\n', ...parts].join(
    '\n',
  );
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
        const all = [...ofPage, ...[...folders].map(noticeOf), ofKernels()];
        await writeFile(join(dir!, NOTICES), written(all));
        await rm(list);
      },
    },
  };
}

/** Writes the notices of the package: its command is bundled from our own sources only, and its kernels are compiled. */
export async function writePackageNotices(): Promise<void> {
  const folder = join(root, '.cache');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, NOTICES), written([ofKernels()]));
}
