// @ts-check
/**
 * Installs what the tests need and npm does not have, Mesa's software GPU (lavapipe) and Chromium, and the packages of tests/ that stand apart. As
 * root on Debian it installs Debian's packages and says so; elsewhere it prints the command for that. Quick if nothing is missing. Graft itself needs
 * none of it.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { findAdapter, findChromium, findHeadlessChromium, root } from './machine.mjs';

/**
 * @typedef {object} Need
 * @property {string} what said in messages
 * @property {string[]} packages Debian's
 * @property {() => string | undefined} find a description or path of what is there
 * @property {string} elsewhere what to do if Debian's packages are not the way
 */

/** Page tests take longer without it, and prove the same. */
const SHELL = 'chromium-headless-shell';

/** @type {Need} */
const lavapipe = {
  what: 'the software adapter that the tests run on (llvmpipe)',
  packages: ['mesa-vulkan-drivers'],
  find: () => findAdapter('llvmpipe'),
  elsewhere: "Install Mesa's Vulkan drivers (lavapipe).",
};
/** @type {Need} */
const chromium = {
  what: 'Chromium',
  // Chromium ends itself on a machine without a single font.
  packages: ['chromium', SHELL, 'fonts-liberation'],
  find: findChromium,
  elsewhere: 'Install Google Chrome or Chromium, or name its program in CHROME_PATH.',
};

const INSTALL = ['install', '--yes', '--no-install-recommends'];

/** Ubuntu counts as Debian. */
function distribution() {
  if (!existsSync('/etc/os-release')) return { isDebian: false, isUbuntu: false };
  const text = readFileSync('/etc/os-release', 'utf8');
  const field = (/** @type {string} */ name) =>
    new RegExp(`^${name}="?([^"\n]*)"?$`, 'm').exec(text)?.[1] ?? '';
  const is = (/** @type {string} */ name) => `${field('ID')} ${field('ID_LIKE')}`.split(' ').includes(name);
  return { isDebian: is('debian') && existsSync('/usr/bin/apt-get'), isUbuntu: is('ubuntu') };
}

/**
 * @param {string} command
 * @param {string[]} parameters
 */
function run(command, parameters) {
  console.error(`  $ ${command} ${parameters.join(' ')}`);
  const { status } = spawnSync(command, parameters, {
    stdio: ['ignore', 2, 2],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  return status === 0;
}

/**
 * Installs Debian's packages if this is root on a machine that has apt-get, and says so.
 *
 * @param {string[]} packages
 * @returns {boolean} whether they were installed
 */
export function installPackages(packages) {
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return false;
  console.error(`Installing Debian packages, since this is root: ${packages.join(', ')}`);
  return run('apt-get', ['update']) && run('apt-get', [...INSTALL, ...packages]);
}

/**
 * Installs the tokenizer files of the model families for the tests that compare them with the reference next to the checkout. They unpack to
 * 670 MB, so that they are a package of their own; without them those tests are skipped.
 */
function bringTokenizers() {
  if (existsSync(join(root, '..', 'shared', 'reference', 'tokenizers')))
    bring('tokenizers', "tests of the families' tokenizers");
}

/**
 * Installs a package of tests/ that stands apart. Without it its tests are skipped.
 *
 * @param {string} name of its folder
 * @param {string} tests said in messages
 */
function bring(name, tests) {
  const folder = join(root, 'tests', name);
  if (existsSync(join(folder, 'node_modules', '.package-lock.json'))) return;
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund'];
  if (!run('npm', ['ci', '--prefix', folder, ...quiet]))
    console.log(`SKIPPED: ${tests}, since npm could not bring their files`);
}

/** Installs the shell next to Debian's Chromium, if this is root. */
function bringShell() {
  const isBare = !process.env['CHROME_PATH'] && findHeadlessChromium() === '/usr/bin/chromium';
  const { isDebian, isUbuntu } = distribution();
  if (isBare && isDebian && !isUbuntu && process.getuid?.() === 0 && !installPackages([SHELL]))
    console.error(`Page tests take longer without ${SHELL}.`);
}

/**
 * Finds what is needed, and installs what is missing if it may.
 *
 * @returns {boolean} whether all is there
 */
export function setUp() {
  if (!existsSync(`${root}/node_modules/webgpu`)) {
    console.error('The npm packages are not installed. Run: npm ci');
    return false;
  }
  bringTokenizers();
  if (!bringNeeds()) return false;
  bringShell();
  return true;
}

function bringNeeds() {
  let missing = [lavapipe, chromium].filter((need) => {
    const found = need.find();
    console.log(found ? `  found ${need.what}: ${found}` : `  missing ${need.what}`);
    return !found;
  });
  if (missing.length === 0) return true;

  const { isDebian, isUbuntu } = distribution();
  // Ubuntu's chromium package is a stub that asks for a snap, which containers and servers lack.
  const installable = isDebian ? missing.filter((need) => !(isUbuntu && need === chromium)) : [];
  const packages = [...new Set(installable.flatMap((need) => need.packages))];
  if (packages.length > 0) {
    if (installPackages(packages)) {
      missing = missing.filter((need) => {
        const found = need.find();
        if (found) console.log(`  found ${need.what}: ${found}`);
        return !found;
      });
      if (missing.length === 0) return true;
    } else if (process.getuid?.() === 0) {
      console.error('apt-get failed; its messages are above.');
    } else {
      console.error(
        `Missing: ${installable.map((need) => need.what).join(' and ')}. This command installs it:`,
      );
      console.error(`  sudo apt-get update && sudo apt-get ${[...INSTALL, ...packages].join(' ')}`);
      missing = missing.filter((need) => !installable.includes(need));
    }
  }
  for (const need of missing) console.error(`Missing: ${need.what}. ${need.elsewhere}`);
  return false;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.exitCode = setUp() ? 0 : 1;
}
