/**
 * A lock on a folder that one process writes to. Each process writes a file of its own there, and then checks whether another living process has one
 * too: of two that come at once, each sees the other, so never both continue. The file of a process that has ended does not count. A process is
 * identified by its id and its start time, since ids are reused.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { hostname, uptime } from 'node:os';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import { GraftError } from '../errors.ts';
import { clockTime } from '../numbers.ts';
import { makeFolder, unwritten } from './files.ts';

const NAME = /^\.graft-lock-[0-9a-f]+\.json$/;

const Lock = v.object({
  /** The command, for messages. */
  command: v.string(),
  pid: v.pipe(v.number(), v.integer(), v.minValue(1)),
  /** The start time of the process, as this system reports it; undefined if it does not. */
  started: v.optional(v.string()),
  /** Name of the machine, and which processes it can see: process ids mean nothing elsewhere. */
  machine: v.string(),
  /** Identifies the boot of the machine, if it reports one. */
  boot: v.optional(v.string()),
  /** Milliseconds since 1970. */
  at: v.number(),
});
type Lock = v.InferOutput<typeof Lock>;

/** Seconds by which the clock may have been set since the machine started. */
const CLOCK_SLACK_S = 60;

/**
 * Makes the folder if it is missing, and takes its lock.
 *
 * @param command that will write there, as in "graft train"
 * @returns a function that releases the lock, and removes a folder that was made for it and is still empty
 * @throws GraftError `folder-locked` naming the process that has it, `file-write`
 */
export async function lockFolder(path: string, command: string): Promise<() => Promise<void>> {
  const made = !existsSync(path);
  await makeFolder(path);
  const name = `.graft-lock-${randomBytes(8).toString('hex')}.json`;
  const own = join(path, name);
  const release = async (): Promise<void> => {
    process.off('exit', releaseNow);
    // If it cannot be removed, it no longer counts once this process has ended.
    await rm(own, { force: true }).catch(() => undefined);
    if (made) await rmdir(path).catch(() => undefined);
  };
  const releaseNow = (): void => rmSync(own, { force: true });
  process.on('exit', releaseNow);
  try {
    await leave(own, command);
    for (const other of await readdir(path)) {
      if (!NAME.test(other) || other === name) continue;
      const lock = readLock(join(path, other));
      if (lock && mayLive(lock)) throw locked(path, join(path, other), lock);
      await rm(join(path, other), { force: true });
    }
  } catch (error) {
    await release();
    throw error;
  }
  return release;
}

/**
 * The process that is at work in a folder, in words: “graft train (process 12), since …”. Undefined if there is none, or its lock says nothing
 * certain.
 */
export function workingIn(path: string): string | undefined {
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  for (const name of isFolder ? readdirSync(path) : []) {
    const lock = NAME.test(name) ? readLock(join(path, name)) : undefined;
    if (lock && mayLive(lock)) return `${lock.command} (process ${lock.pid}), since ${timeOf(lock)}`;
  }
  return undefined;
}

const timeOf = ({ at }: Lock): string => clockTime(new Date(at)).replace('T', ' ');

async function leave(path: string, command: string): Promise<void> {
  const lock: Lock = {
    command,
    pid: process.pid,
    started: startOf(process.pid),
    machine: machine(),
    boot: bootOf(),
    at: Date.now(),
  };
  try {
    await writeFile(`${path}.part`, `${JSON.stringify(lock)}\n`);
    await rename(`${path}.part`, path);
  } catch (cause) {
    await rm(`${path}.part`, { force: true }).catch(() => undefined);
    throw unwritten(dirname(path), cause);
  }
}

/** Undefined for a lock that was released meanwhile, or of which a power failure left only the name. */
function readLock(path: string): Lock | undefined {
  try {
    const parsed = v.safeParse(Lock, JSON.parse(readFileSync(path, 'utf8')));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

/** False if the process of a lock has certainly ended. */
function mayLive({ pid, started, machine: where, boot, at }: Lock): boolean {
  const thisBoot = bootOf();
  const sameHost = where.split(' ')[0] === machine().split(' ')[0];
  if (sameHost && boot !== undefined && thisBoot !== undefined && boot !== thisBoot) return false;
  if (where !== machine()) return true;
  if (at / 1000 + CLOCK_SLACK_S < Date.now() / 1000 - uptime()) return false;
  if (!exists(pid)) return false;
  const start = startOf(pid);
  return started === undefined || start === undefined || start === started;
}

function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // The process exists, and belongs to another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** The start time of a process, in the system's own format; another process with the same id has another one. */
function startOf(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') {
      // The name in brackets may contain anything, so count the fields after it: the first is the state, the 20th the start.
      const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
      return fields[0] === 'Z' ? 'ended' : fields[19];
    }
    if (process.platform === 'win32') return undefined;
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
    }).trim();
  } catch {
    return undefined;
  }
}

function machine(): string {
  const space = process.platform === 'linux' ? readlinkSync('/proc/self/ns/pid') : '';
  return `${hostname()} ${space}`;
}

function bootOf(): string | undefined {
  const path = '/proc/sys/kernel/random/boot_id';
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : undefined;
}

/** How the message about a folder starts in which another process is at work. */
export const inUse = (path: string): string => `${path} is in use`;

function locked(path: string, file: string, lock: Lock): GraftError {
  const { command, pid, machine: where } = lock;
  const since = timeOf(lock);
  if (where === machine())
    return new GraftError(
      'folder-locked',
      `${inUse(path)}: ${command} (process ${pid}) has been writing to it since ${since}.`,
      'Wait until it has ended, or choose another folder.',
    );
  return new GraftError(
    'folder-locked',
    `${path} may be in use: ${command} (process ${pid} of ${where.split(' ')[0]}, which cannot be checked from here) started to write to it at ${since}.`,
    `If it has ended, delete ${file}; otherwise choose another folder.`,
  );
}
