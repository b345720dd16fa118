/** A copy of the checkout in a temporary folder, with no ../shared beside it: mutations never touch the checkout itself. */
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Mutation } from './mutation.ts';

/** Installed packages, which no mutation changes. */
const PACKAGES = ['node_modules', 'tests/tokenizers/node_modules', 'tests/transformers-js/node_modules'];
/** Compiled kernels, under the hash of their sources. */
const KERNELS = join('.cache', 'kernels');

export class Copy {
  readonly #folder = mkdtempSync(join(tmpdir(), 'graft-mutations-'));
  readonly root = join(this.#folder, 'graft');

  /** Files that git tracks or would track. */
  constructor(from: string) {
    process.once('exit', () => this.remove());
    const list = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
      cwd: from,
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
    });
    for (const name of new Set(list.split('\0'))) {
      // A deleted file is listed until its removal is staged.
      if (name === '' || !existsSync(join(from, name))) continue;
      mkdirSync(dirname(join(this.root, name)), { recursive: true });
      copyFileSync(join(from, name), join(this.root, name));
    }
    for (const name of PACKAGES)
      if (existsSync(join(from, name))) symlinkSync(join(from, name), join(this.root, name));
    if (existsSync(join(from, KERNELS)))
      cpSync(join(from, KERNELS), join(this.root, KERNELS), { recursive: true });
  }

  /** Applies a mutation while `run` runs. */
  async mutated<Result>({ file, find, replace }: Mutation, run: () => Promise<Result>): Promise<Result> {
    const path = join(this.root, file);
    const text = readFileSync(path, 'utf8');
    writeFileSync(
      path,
      text.replace(find, () => replace),
    );
    try {
      return await run();
    } finally {
      writeFileSync(path, text);
    }
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
