/** The hub's answer about a repository (`/api/models/…?blobs=true`), validated: it comes from outside. */
import { GraftError } from '../../errors.ts';
import { decodeUtf8, isObject, parseJson } from '../../json.ts';

export interface ListedFile {
  readonly path: string;
  readonly size?: number;
  readonly sha256?: string;
  readonly gitSha1?: string;
}

export interface Listing {
  /** As the hub spells it. */
  readonly id: string;
  /** The commit that the revision stands for now. */
  readonly commit: string;
  readonly gated: boolean;
  readonly licence?: string;
  readonly files: readonly ListedFile[];
}

/** A repository of a thousand shards has an answer of half a megabyte. */
export const MAX_LISTING_BYTES = 32 * 2 ** 20;
const MAX_FILES = 100_000;

/** @throws GraftError `hub-listing`, and those of JSON */
export function parseListing(bytes: Uint8Array, where: string): Listing {
  const wrong = (why: string): GraftError =>
    new GraftError(
      'hub-listing',
      `${where} ${why}.`,
      'Check the address of the hub. If it is right, the server is broken or is not a hub.',
    );
  const value = parseJson(decodeUtf8(bytes, where), where);
  if (!isObject(value)) throw wrong('does not describe a repository');
  const { id, sha, siblings, gated, cardData } = value;
  if (typeof id !== 'string' || !/^[\w./-]{1,200}$/.test(id)) throw wrong('has no id');
  if (typeof sha !== 'string' || !/^[0-9a-f]{7,64}$/.test(sha)) throw wrong('names no commit');
  if (!Array.isArray(siblings) || siblings.length > MAX_FILES) throw wrong('has no list of files');
  const licence = licenceOf(cardData);
  return {
    id,
    commit: sha,
    // false, or who decides: "auto", "manual".
    gated: gated !== undefined && gated !== false && gated !== null,
    ...(licence !== undefined && { licence }),
    files: siblings.map((entry: unknown) => {
      const file = parseFile(entry);
      if (!file) throw wrong('lists a file that has no proper name or size');
      return file;
    }),
  };
}

function parseFile(entry: unknown): ListedFile | undefined {
  if (!isObject(entry)) return undefined;
  const { rfilename: path, size, blobId, lfs } = entry;
  if (typeof path !== 'string' || path.length === 0 || path.length > 1000) return undefined;
  if (size !== undefined && size !== null && !isSize(size)) return undefined;
  const sha256 = isObject(lfs) ? (lfs['sha256'] ?? lfs['oid']) : undefined;
  return {
    path,
    ...(isSize(size) && { size }),
    ...(typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256)
      ? { sha256 }
      : // For a large file the blob is a pointer to it.
        !isObject(lfs) && typeof blobId === 'string' && /^[0-9a-f]{40}$/.test(blobId) && { gitSha1: blobId }),
  };
}

function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** From the front matter of the model card. */
function licenceOf(card: unknown): string | undefined {
  if (!isObject(card)) return undefined;
  const { license, license_name: name } = card;
  const first: unknown = Array.isArray(license) ? license[0] : license;
  const said = first === 'other' && typeof name === 'string' ? name : first;
  return typeof said === 'string' && /^[\w .+-]{1,60}$/.test(said) ? said : undefined;
}
