/** Scorers with settings after a flag: JSON, a file of JSON, or a file of JavaScript, which is a scorer with the name of the file. */
import { basename, parse } from 'node:path';
import { GraftError } from '../errors.ts';
import { decodeUtf8, parseWritten } from '../json.ts';
import { LONGEST_NAME, type ScorerUse } from '../scorers/spec.ts';
import { readWhole } from './files.ts';

/** They are written by hand. */
const LARGEST_FILE = 1 << 20;

export const isJson = (text: string): boolean => /^\s*[[{]/.test(text);
export const isScorerFile = (text: string): boolean => !isJson(text) && /\.(json|m?js)$/i.test(text);

/** The values in a file, as they are written. @throws GraftError `file-missing`, `reward`, `metric`, `json-…` */
export async function readScorerFile(path: string, use: ScorerUse): Promise<readonly unknown[]> {
  const bytes = await readWhole(path);
  if (bytes.length > LARGEST_FILE)
    throw new GraftError(
      use === 'reward' ? 'reward' : 'metric',
      `${path} has ${bytes.length} bytes; a file of ${use}s has at most ${LARGEST_FILE}.`,
      'Check that it is the right file.',
    );
  const text = decodeUtf8(bytes, path);
  if (!/\.json$/i.test(path))
    return [{ name: 'javascript', as: parse(path).name.slice(0, LONGEST_NAME), code: text }];
  const value = parseWritten(text, basename(path));
  return Array.isArray(value) ? value : [value];
}
