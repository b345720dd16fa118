// @ts-check
/**
 * A Python that has torch, peft, transformers, safetensors and gguf, for tests/interop: the one named in GRAFT_PYTHON, the system's if it has
 * them, or a virtual environment in .cache/venv, made on the first call. Prints its path on standard output, everything else on standard
 * error. Without a Python, or if the installation fails, it says SKIPPED and why, and ends with status 3.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './machine.mjs';
import { installPackages } from './setup.mjs';

const PACKAGES = ['torch', 'peft', 'transformers', 'safetensors', 'gguf'];
/** For the tests of runs that TRL continues, of kernels on another WebGPU, and of OpenAI's client: they say so if a Python lacks them. */
const MORE = ['trl', 'accelerate', 'wgpu', 'openai'];
const VENV = join(root, '.cache', 'venv');
const VENV_PYTHON =
  process.platform === 'win32' ? join(VENV, 'Scripts', 'python.exe') : join(VENV, 'bin', 'python');

/** Whether this Python starts and has the packages; finding them is quicker than importing them. @param {string} python */
function hasPackages(python) {
  const code = `import sys, importlib.util as u; sys.exit(not all(u.find_spec(p) for p in ${JSON.stringify(PACKAGES)}))`;
  return spawnSync(python, ['-c', code], { timeout: 120_000 }).status === 0;
}

/**
 * @param {string} command
 * @param {string[]} parameters
 */
function run(command, parameters) {
  console.error(`  $ ${command} ${parameters.join(' ')}`);
  const env = { ...process.env, PIP_DISABLE_PIP_VERSION_CHECK: '1', PIP_PROGRESS_BAR: 'off' };
  return spawnSync(command, parameters, { stdio: ['ignore', 2, 2], env }).status === 0;
}

/**
 * Finds such a Python or makes one.
 *
 * @returns {{ python: string } | { skipped: string }} its path, or why there is none
 */
export function findPython() {
  const named = process.env['GRAFT_PYTHON'];
  if (named)
    return hasPackages(named)
      ? { python: named }
      : { skipped: `${named} lacks one of ${PACKAGES.join(', ')}` };
  if (hasPackages(VENV_PYTHON)) return { python: VENV_PYTHON };
  const python = ['python3.11', 'python3'].find((name) => spawnSync(name, ['--version']).status === 0);
  if (!python) return { skipped: 'there is no python3 here' };
  if (hasPackages(python)) return { python };
  console.error(`Installing ${[...PACKAGES, ...MORE].join(', ')} in .cache/venv (once; torch is large)`);
  // One that lacks a package is completed, not made again: torch is large.
  const hasVenv = spawnSync(VENV_PYTHON, ['-m', 'pip', '--version']).status === 0;
  const makeVenv = () => run(python, ['-m', 'venv', '--clear', VENV]);
  // Debian keeps the module in a package of its own.
  if (!hasVenv && !makeVenv() && !(installPackages(['python3-venv']) && makeVenv()))
    return { skipped: `${python} cannot make a virtual environment` };
  // Python compiles what is imported, which is a small part of the thirteen thousand files.
  if (!run(VENV_PYTHON, ['-m', 'pip', 'install', '--quiet', '--no-compile', ...PACKAGES, ...MORE]))
    return { skipped: 'pip install failed' };
  return { python: VENV_PYTHON };
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const found = findPython();
  if ('python' in found) console.log(found.python);
  else {
    console.error(`SKIPPED: the tests against PEFT itself, since ${found.skipped}`);
    process.exitCode = 3;
  }
}
