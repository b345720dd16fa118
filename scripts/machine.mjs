// @ts-check
/** Detects what this machine has: a WebGPU adapter for Node, a Chromium for the tests. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's root. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

const PROBE = `
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  const gpu = create(process.argv[1] ? ['adapter=' + process.argv[1]] : []);
  const adapter = await gpu.requestAdapter();
  if (adapter) console.log('ADAPTER ' + (adapter.info.description || adapter.info.vendor || 'unnamed'));
  process.exit(adapter ? 0 : 3);
`;

/**
 * The WebGPU adapter that answers in Node. Asked in a process of its own, because a driver may end the process that asks.
 *
 * @param {string} [name] only an adapter whose name contains this
 * @returns {string | undefined} its description
 */
export function findAdapter(name = '') {
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', PROBE, name], {
    cwd: root,
    encoding: 'utf8',
    timeout: 60_000,
  });
  return /^ADAPTER (.*)$/m.exec(stdout ?? '')?.[1];
}

/** @returns {string[]} where a Chromium may be, best first */
function chromiumPlaces() {
  const named = process.env['CHROME_PATH'];
  if (named) return [named];
  if (process.platform === 'darwin') {
    const inside = ['Google Chrome.app/Contents/MacOS/Google Chrome', 'Chromium.app/Contents/MacOS/Chromium'];
    return ['/Applications', join(homedir(), 'Applications')].flatMap((folder) =>
      inside.map((app) => join(folder, app)),
    );
  }
  if (process.platform === 'win32') {
    return [process.env['PROGRAMFILES'], process.env['PROGRAMFILES(X86)'], process.env['LOCALAPPDATA']]
      .filter((folder) => folder !== undefined)
      .map((folder) => join(folder, 'Google/Chrome/Application/chrome.exe'));
  }
  return ['chromium', 'google-chrome', 'google-chrome-stable', 'chromium-browser'].map(
    (name) => `/usr/bin/${name}`,
  );
}

/**
 * A Chromium or Chrome that starts. Ubuntu's `chromium-browser` is a script that asks for a snap: a program that does not report a version does not
 * count.
 *
 * @returns {string | undefined} the path of its program
 */
export const findChromium = () => chromiumPlaces().find(starts);

/** Debian's Chromium without windows and an address bar: the same engine for pages. */
const SHELL = '/usr/bin/chromium-headless-shell';

/**
 * The program for the many pages of the tests: the shell needs a tenth less of the processor. If CHROME_PATH names one, it is that.
 *
 * @returns {string | undefined} the path of the shell, or of what {@link findChromium} finds
 */
export const findHeadlessChromium = () =>
  !process.env['CHROME_PATH'] && starts(SHELL) ? SHELL : findChromium();

/** @param {string} path */
function starts(path) {
  if (!existsSync(path)) return false;
  if (process.platform === 'win32') return true; // chrome.exe does not print its version
  const { status, stdout } = spawnSync(path, ['--version'], { encoding: 'utf8', timeout: 30_000 });
  return status === 0 && /^(Chromium|Google Chrome)/m.test(stdout);
}
