/** A model at any address: a GGUF file, or a folder on a server without listings, whose files are asked for by name. */
import { GraftError } from '../../errors.ts';
import { decodeUtf8, isObject, parseJson } from '../../json.ts';
import { ENCODER_COMPANIONS, READ_COMPANIONS } from '../companions.ts';
import { declaredLength, type Client } from './client.ts';
import { MAX_LISTING_BYTES } from './listing.ts';
import type { Offer, RemoteFile } from './types.ts';

/** Runs a request with retries. */
type Asking = <T>(work: (client: Client) => Promise<T>) => Promise<T>;

const SINGLE = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';
const OPTIONAL = [...READ_COMPANIONS.filter((name) => name !== 'config.json'), ...ENCODER_COMPANIONS];
const MAX_SHARDS = 1000;

/**
 * @param url of a `.gguf` file, or of a folder with a slash at the end
 * @throws GraftError `hub-…`
 */
export async function findFolder(url: string, asking: Asking): Promise<Offer> {
  const { pathname, host } = new URL(url);
  const parts = pathname.split('/').filter(Boolean);
  const last = parts.length === 0 ? host : decodeURIComponent(parts[parts.length - 1]);
  /** Its size, also if a server does not say it (−1); undefined if there is no such file. */
  const probe = (name: string, address: string): Promise<RemoteFile | undefined> =>
    asking(async (client) => {
      try {
        const length = declaredLength(await client.head(address, { model: url, file: name }));
        // Text may be compressed on the way, and is short anyway.
        const size = /\.(?:gguf|safetensors)$/i.test(name) ? length : undefined;
        return { name, url: address, ...(size !== undefined && { size }) };
      } catch (error) {
        if (error instanceof GraftError && error.code === 'hub-file-missing') return undefined;
        throw error;
      }
    });
  const required = async (name: string, address: string): Promise<RemoteFile> => {
    const file = await probe(name, address);
    if (file) return file;
    throw new GraftError(
      'hub-file-missing',
      `There is no ${name} at ${address}.`,
      'Give the address of a .gguf file, or of a folder with config.json and model.safetensors.',
    );
  };

  if (/\.gguf$/i.test(pathname)) {
    const file = await required(last, url);
    return offer(last.replace(/\.gguf$/i, ''), url, [file]);
  }
  const at = (name: string): string => new URL(name.split('/').map(encodeURIComponent).join('/'), url).href;
  const config = await required('config.json', at('config.json'));
  const companions = await Promise.all(OPTIONAL.map((name) => probe(name, at(name))));
  const weights = [await probe(SINGLE, at(SINGLE))];
  if (!weights[0]) {
    const index = await probe(INDEX, at(INDEX));
    if (!index) await required(SINGLE, at(SINGLE));
    const shards = await asking(async (client) => {
      const limits = { most: MAX_LISTING_BYTES, where: at(INDEX) };
      return shardFiles(await client.read(at(INDEX), { model: url, file: INDEX }, limits), at(INDEX));
    });
    weights.push(index, ...(await Promise.all(shards.map((name) => required(name, at(name))))));
  }
  const files = [config, ...companions, ...weights].filter((file) => file !== undefined);
  return offer(last, url, files);
}

function offer(name: string, source: string, files: readonly RemoteFile[]): Offer {
  // Sizes of the small ones are not known; they are a thousandth of the rest.
  return { name: name.slice(0, 80), source, gated: false, files };
}

/** Names of an index's shards: files of the same folder. @throws GraftError `hub-listing` */
export function shardFiles(bytes: Uint8Array, where: string): string[] {
  const wrong = (why: string): GraftError =>
    new GraftError('hub-listing', `${where} ${why}.`, 'Inform its publisher.');
  const index = parseJson(decodeUtf8(bytes, where), where);
  const map = isObject(index) ? index['weight_map'] : undefined;
  if (!isObject(map)) throw wrong('has no weight_map');
  const names = new Set<string>();
  for (const shard of Object.values(map)) {
    if (typeof shard !== 'string' || !/^(?!\.)[^/\\]{1,200}\.safetensors$/.test(shard))
      throw wrong('names something that is not a safetensors file of this folder');
    names.add(shard);
  }
  if (names.size === 0 || names.size > MAX_SHARDS) throw wrong(`names ${names.size} files`);
  return [...names].sort();
}
