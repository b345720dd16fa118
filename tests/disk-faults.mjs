// @ts-check
/**
 * Lets the disk fail or the process die at a numbered operation of the disk. Loaded before the command by
 * `node --import`; only operations under the folders of GRAFT_DISK_UNDER (separated by colons) count: making, opening to write, writing,
 * flushing, renaming and removing. GRAFT_DISK_FAULT says which and how:
 *
 *     fail:7     the seventh fails with "no space left on device", those after it work
 *     full:7     the seventh and all after it fail, but for removing
 *     kill:7     the process is killed instead of the seventh
 *     log        nothing; each operation is written to GRAFT_DISK_LOG as it comes
 *
 * A write that fails or is killed has written half of its bytes.
 */
import fs from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const UNDER = (process.env['GRAFT_DISK_UNDER'] ?? '').split(':').filter(Boolean);
const [MODE = 'log', NUMBER = '0'] = (process.env['GRAFT_DISK_FAULT'] ?? 'log').split(':');
const LOG = process.env['GRAFT_DISK_LOG'];
const { appendFileSync } = fs;
let count = 0;

/** @param {unknown} path @returns {string | undefined} its name under one of the folders, if it lies there */
function nameOf(path) {
  const full = resolve(path instanceof URL ? fileURLToPath(path) : String(path));
  const folder = UNDER.find((candidate) => full === candidate || full.startsWith(`${candidate}/`));
  return folder === undefined ? undefined : relative(folder, full) || '.';
}

/**
 * Counts an operation.
 *
 * @param {string} what
 * @param {string | undefined} name
 * @param {() => void} [half] what a write has done by the time it fails
 */
function operation(what, name, half) {
  if (name === undefined) return;
  count++;
  if (LOG) appendFileSync(LOG, `${what} ${name}\n`);
  const hit = MODE === 'full' ? count >= Number(NUMBER) && what !== 'remove' : count === Number(NUMBER);
  if (MODE === 'log' || !hit) return;
  half?.();
  if (MODE === 'kill') process.kill(process.pid, 'SIGKILL');
  throw Object.assign(new Error(`ENOSPC: no space left on device, ${what}`), { code: 'ENOSPC' });
}

/** @type {WeakMap<object, { name: string, writes: boolean }>} */
const handles = new WeakMap();
/** @type {Map<number, string>} */
const descriptors = new Map();

const { open, rename, mkdir, rm, writeFile } = promises;
promises.open = async (path, flags, mode) => {
  const name = nameOf(path);
  const writes = typeof flags === 'string' && /[wa+]/.test(flags);
  if (writes) operation('open', name);
  const handle = await open(path, flags, mode);
  if (name === undefined) return handle;
  handles.set(handle, { name, writes });
  const sync = handle.sync.bind(handle);
  handle.sync = async () => {
    operation(writes ? 'sync' : 'sync-folder', name);
    await sync();
  };
  return handle;
};
promises.writeFile = async (target, data, options) => {
  const name = typeof target === 'object' && handles.has(target) ? handles.get(target)?.name : nameOf(target);
  const fd = typeof target === 'object' && 'fd' in target ? target.fd : undefined;
  operation('write', name, () => {
    if (fd !== undefined && data instanceof Uint8Array) fs.writeSync(fd, data.subarray(0, data.length / 2));
  });
  await writeFile(target, data, options);
};
promises.rename = async (from, to) => {
  operation('rename', nameOf(to));
  await rename(from, to);
};
promises.mkdir = /** @type {typeof mkdir} */ (
  async (/** @type {import('node:fs').PathLike} */ path, /** @type {object} */ options) => {
    if (!fs.existsSync(path)) operation('mkdir', nameOf(path));
    return mkdir(path, options);
  }
);
promises.rm = async (path, options) => {
  if (fs.existsSync(path)) operation('remove', nameOf(path));
  await rm(path, options);
};

const { openSync, writeSync, fsyncSync } = fs;
fs.openSync = (path, flags, mode) => {
  const name = nameOf(path);
  if (name !== undefined && flags !== 'r') operation('open', name);
  const fd = openSync(path, flags, mode);
  if (name !== undefined) descriptors.set(fd, name);
  return fd;
};
/** @param {number} fd @param {Uint8Array} bytes @param {number} [offset] */
const write = (fd, bytes, offset) => {
  operation('write', descriptors.get(fd), () => writeSync(fd, bytes.subarray(0, bytes.length / 2)));
  return writeSync(fd, bytes, offset);
};
fs.writeSync = /** @type {typeof writeSync} */ (write);
fs.fsyncSync = (fd) => {
  operation('sync', descriptors.get(fd));
  fsyncSync(fd);
};
syncBuiltinESMExports();
