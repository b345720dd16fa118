// @ts-check
/** The licences of packages that are passed on in a bundle. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * A package, as Vite's list has it: `identifier` is SPDX's.
 *
 * @typedef {{ readonly name: string, readonly version: string, readonly identifier?: string, readonly text?: string }} Notice
 */

const IN_MODULES = /[\\/]node_modules[\\/]/;
const LICENCES = /^(?:licen[cs]e|copying|notice)/i;

/**
 * @param {string} folder of the package
 * @param {string} [elsewhere] its licence, if its file is not in the package
 * @returns {Notice}
 * @throws Error if it has no file with its licence
 */
export function noticeOf(folder, elsewhere) {
  /** @type {{ name: string, version: string, license?: string }} */
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const files = readdirSync(folder).filter((file) => LICENCES.test(file));
  if (files.length === 0 && elsewhere === undefined)
    throw new Error(`${name} ${version} is bundled and has no file with its licence`);
  const texts = files.map((file) => readFileSync(join(folder, file), 'utf8').trim());
  const text = (texts.length > 0 ? texts : [elsewhere?.trim()]).join('\n\n');
  return { name, version, text, ...(license !== undefined && { identifier: license }) };
}

/** The folder of the package that a module belongs to: the nearest with a name and a version. @param {string} module @returns {string} */
export function packageOf(module) {
  for (let folder = dirname(module); IN_MODULES.test(folder); folder = dirname(folder)) {
    const path = join(folder, 'package.json');
    if (existsSync(path) && 'version' in JSON.parse(readFileSync(path, 'utf8'))) return folder;
  }
  throw new Error(`${module} belongs to no package`);
}

/** All of them as Markdown. @param {readonly Notice[]} notices @returns {string} */
export function written(notices) {
  const byName = new Map(notices.map((notice) => [`${notice.name}@${notice.version}`, notice]));
  const parts = [...byName.keys()].sort().map((key) => {
    const { name, version, identifier, text = '' } = /** @type {Notice} */ (byName.get(key));
    return `## ${name} - ${version}${identifier === undefined ? '' : ` (${identifier})`}\n\n${text}\n`;
  });
  return ['# Licences\n\nGraft contains parts of these packages, under their own licences.\n', ...parts].join(
    '\n',
  );
}
