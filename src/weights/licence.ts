/** The licence of a model, as its folder states it. */
import { isObject, readJsonFile } from '../json.ts';
import type { FileSet } from './bytes.ts';

const README_BYTES = 1 << 16;

/** The value in the README's front matter, or in config.json. */
export async function licenceOf(files: FileSet): Promise<string | undefined> {
  const readme = await files.open('README.md');
  if (readme) {
    const text = new TextDecoder().decode(await readme.read(0, Math.min(readme.size, README_BYTES)));
    const matter = /^---\r?\n(.*?)\r?\n---/s.exec(text)?.[1] ?? '';
    const said = (field: string): string | undefined =>
      new RegExp(`^${field}:[ \\t]*["']?([\\w.+-]{1,60})`, 'm').exec(matter)?.[1];
    const licence = said('license');
    if (licence !== undefined) return licence === 'other' ? (said('license_name') ?? licence) : licence;
  }
  const config = await readJsonFile(files, 'config.json', 1 << 20);
  const licence = isObject(config) ? config['license'] : undefined;
  return typeof licence === 'string' ? licence.slice(0, 60) : undefined;
}
