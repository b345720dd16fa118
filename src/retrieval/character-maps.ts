/**
 * Character maps of pdf.js: what a PDF needs that names a Chinese, Japanese or Korean font without holding it. One zip has all of them, so that they are
 * one file to serve, to keep and to ship.
 */
import { ZipReader } from '../export/zip/reader.ts';

/** The bytes of a map by the name that pdf.js has for it. @throws GraftError of the source; `zip-missing` for a map that does not exist */
export type CharacterMaps = (name: string) => Promise<Uint8Array<ArrayBuffer>>;

/** Below the public folder. */
export const CHARACTER_MAPS = 'pdf/character-maps.zip';
const REMEDY = 'Install Graft again, or reload the page.';
/** The largest has 80 kB. */
const MAX_MAP = 1 << 20;

/** @param bytes reads the zip, once, when a document first needs a map */
export function characterMaps(bytes: () => Promise<Uint8Array<ArrayBuffer>>): CharacterMaps {
  let zip: Promise<ZipReader> | undefined;
  const open = async (): Promise<ZipReader> =>
    ZipReader.open(CHARACTER_MAPS, new Blob([await bytes()]), REMEDY);
  return async (name) => {
    const opened = (zip ??= open());
    try {
      return await (await opened).read(name, MAX_MAP);
    } catch (error) {
      // A network that failed may be there for the next document.
      if (zip === opened) zip = undefined;
      throw error;
    }
  };
}
