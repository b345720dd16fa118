// @ts-check
/**
 * What a memory above 4 GiB would cost: the same kernels in C with 32-bit and with 64-bit addresses, in turn, in Node or in Chromium.
 *
 *   node --experimental-wasm-memory64 --experimental-wasm-relaxed-simd bench/memory64/run.mjs [--chromium /usr/bin/chromium]
 *
 * Needs clang 19 and lld 19 (Debian: clang-19, lld-19). With 32-bit addresses V8 leaves bounds to the guard pages of the system; with
 * 64-bit ones it compares each address.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const { values } = parseArgs({ options: { chromium: { type: 'string' } } });
const folder = mkdtempSync(join(tmpdir(), 'graft-memory64-'));

/** @param {32 | 64} bits */
function compile(bits) {
  const out = join(folder, `${bits}.wasm`);
  const exported = ['tiles', 'add'].map((name) => `-Wl,--export=${name}`);
  const memory = ['-Wl,--initial-memory=268435456', '-Wl,--max-memory=268435456'];
  const flags = ['-O3', '-fno-builtin', '-msimd128', '-mrelaxed-simd', '-nostdlib', '-fuse-ld=lld'];
  const source = join(import.meta.dirname, 'tile.c');
  const { status, stderr } = spawnSync('clang-19', [
    ...[`--target=wasm${bits}`, ...flags, '-Wl,--no-entry', ...exported, ...memory, '-o', out, source],
  ]);
  if (status !== 0) throw new Error(`clang-19: ${stderr}`);
  return readFileSync(out).toString('base64');
}

/**
 * Medians of 25 runs after 5, in turn. Complete in itself, since it runs in a page as well.
 *
 * @param {string[]} modules in base64, 32 bits and 64 bits
 */
async function measure(modules) {
  const kernels = [];
  for (const [at, text] of modules.entries()) {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const { instance } = await WebAssembly.instantiate(bytes, {});
    const { tiles, add } = /** @type {Record<string, (...numbers: unknown[]) => void>} */ (
      /** @type {unknown} */ (instance.exports)
    );
    const pointer = at === 0 ? Number : BigInt;
    const MiB = 2 ** 20;
    kernels.push({
      tiles: () => tiles(pointer(MiB), pointer(16 * MiB), pointer(32 * MiB), 576, 40, 40),
      add: () => add(pointer(64 * MiB), pointer(100 * MiB), 4 * MiB),
    });
  }
  /** @param {() => void} work @param {number} times */
  const time = (work, times) => {
    const start = performance.now();
    for (let i = 0; i < times; i++) work();
    return (performance.now() - start) / times;
  };
  const found = kernels.map(() => ({
    tiles: /** @type {number[]} */ ([]),
    add: /** @type {number[]} */ ([]),
  }));
  for (let run = 0; run < 30; run++)
    for (const [at, { tiles, add }] of kernels.entries()) {
      const ms = { tiles: time(tiles, 6), add: time(add, 20) };
      if (run < 5) continue;
      found[at].tiles.push(ms.tiles);
      found[at].add.push(ms.add);
    }
  /** @param {number[]} of */
  const median = (of) => of.sort((a, b) => a - b)[of.length >> 1];
  return found.map(({ tiles, add }) => ({
    gflops: (2 * 48 * 576 * 40 * 40) / median(tiles) / 1e6,
    gigabytesPerSecond: (3 * 4 * 4 * 2 ** 20) / median(add) / 1e6,
  }));
}

const modules = [compile(32), compile(64)];
rmSync(folder, { recursive: true });
let results;
let where = `Node ${process.version}`;
if (values.chromium) {
  const browser = await chromium.launch({ executablePath: values.chromium, args: ['--no-sandbox'] });
  where = `Chromium ${browser.version()}`;
  results = await (await browser.newPage()).evaluate(measure, modules);
  await browser.close();
} else {
  results = await measure(modules);
}
console.log(where);
for (const [at, { gflops, gigabytesPerSecond }] of results.entries())
  console.log(
    `  wasm${[32, 64][at]}: tile ${gflops.toFixed(1)} GFLOP/s, pass ${gigabytesPerSecond.toFixed(1)} GB/s`,
  );
