/** The place of a model or a data set that a person typed: an id on the hub, an address on the hub, or any other address. */
import { GraftError } from '../../errors.ts';

/** The hub, unless a setting says another. */
export const HUB = 'https://huggingface.co';

export interface RepoPlace {
  readonly kind: 'repo';
  /** Address of the hub, without a slash at the end. */
  readonly hub: string;
  /** `org/name`; a few old ones are just `name`. */
  readonly repo: string;
  /** Whether it is a repository of data. */
  readonly dataSet?: true;
  /** Branch, tag or commit. */
  readonly revision: string;
  /** The one file that is wanted: a GGUF, or any file of a data set. */
  readonly file?: string;
}

/** A folder with a slash at the end, or one GGUF file. */
interface UrlPlace {
  readonly kind: 'url';
  readonly url: string;
}

type ModelPlace = RepoPlace | UrlPlace;

const NAME = /^[\w-][\w.-]{0,95}$/;
const REPO = /^(?:[\w-][\w.-]{0,95}\/)?[\w-][\w.-]{0,95}$/;
/** The path of a file inside a repository: no empty part, none of dots alone. */
export const PATH = /^(?!.*(?:^|\/)\.{0,2}(?:\/|$))[^\\\p{Cc}]{1,400}$/u;
const MAX_LENGTH = 2000;
/** What the addresses of data sets start with, and ids of data sets here. */
const DATA_SETS = 'datasets';

function wrong(asked: string, why: string): GraftError {
  return new GraftError(
    'hub-address',
    `${JSON.stringify(asked.slice(0, 120))} ${why}.`,
    'Write an id such as HuggingFaceTB/SmolLM2-135M-Instruct, or the address of a .gguf file or of a folder with config.json and model.safetensors.',
  );
}

/**
 * Address of a hub, checked, without a slash at the end.
 *
 * @throws GraftError `hub-address`
 */
export function hubAddress(text: string): string {
  const url = URL.canParse(text.trim()) ? new URL(text.trim()) : undefined;
  if (
    !url ||
    !/^https?:$/.test(url.protocol) ||
    url.username !== '' ||
    url.search !== '' ||
    url.hash !== ''
  ) {
    throw new GraftError(
      'hub-address',
      `${JSON.stringify(text.slice(0, 120))} is not the address of a hub.`,
      `Write one such as ${HUB}.`,
    );
  }
  return url.href.replace(/\/+$/, '');
}

/**
 * @param asked `org/name`, `org/name@revision`, the same of a data set after `datasets/`, an address on the hub (also of a revision or of one file), or any other address
 * @param hub where ids are looked up
 * @throws GraftError `hub-address`
 */
export function parsePlace(asked: string, hub = HUB): ModelPlace {
  const text = asked.trim();
  if (text.length > MAX_LENGTH) throw wrong(text, 'is too long for an address');
  if (/^https?:\/\//i.test(text)) return parseUrl(text, hub);
  const [id, revision = 'main', ...more] = text.split('@');
  const isData = id.startsWith(`${DATA_SETS}/`);
  const repo = isData ? id.slice(DATA_SETS.length + 1) : id;
  if (!REPO.test(repo) || repo.split('/').some((part) => /^\.+$|\.\./.test(part)) || more.length > 0)
    throw wrong(text, 'is not the id of a model');
  return {
    kind: 'repo',
    hub,
    repo,
    ...(isData && { dataSet: true }),
    revision: checkRevision(revision, text),
  };
}

function checkRevision(revision: string, asked: string): string {
  if (!/^[\w./+-]{1,200}$/.test(revision) || !PATH.test(revision))
    throw wrong(asked, 'has no proper revision');
  return revision;
}

function parseUrl(text: string, hub: string): ModelPlace {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || url.username !== '' || url.password !== '')
    throw wrong(text, 'is not an address that can be used');
  if (url.hostname === 'hf.co') url.hostname = 'huggingface.co';
  const parts = decodedParts(url, text);
  const at = parts.findIndex((part, i) => i >= 1 && /^(?:tree|blob|resolve)$/.test(part));
  const hubParts = new URL(hub).pathname.split('/').filter(Boolean);
  const onHub = `${url.href}/`.startsWith(`${hub}/`) || url.hostname === 'huggingface.co';
  if (at >= 1 && parts.length > at + 1) {
    // On any server: only hubs have addresses like these.
    const isData = parts.at(Math.max(0, at - 3)) === DATA_SETS && at >= 2;
    const before = parts.slice(onHub ? hubParts.length : Math.max(0, at - (isData ? 3 : 2)), at);
    const base = parts.slice(0, at - before.length);
    const names = isData ? before.slice(1) : before;
    const [revision, ...path] = parts.slice(at + 1);
    const file = path.join('/');
    if (names.every((name) => NAME.test(name)) && names.length <= 2 && (file === '' || PATH.test(file))) {
      return {
        kind: 'repo',
        hub: [url.origin, ...base].join('/'),
        repo: names.join('/'),
        ...(isData && { dataSet: true }),
        revision: checkRevision(revision, text),
        // The address of any other file of a model means the model.
        ...((/\.gguf$/i.test(file) || (isData && /\.\w+$/.test(file))) && { file }),
      };
    }
  } else if (onHub) {
    const after = parts.slice(`${url.href}/`.startsWith(`${hub}/`) ? hubParts.length : 0);
    const isData = after.length > 1 && after[0] === DATA_SETS;
    const names = isData ? after.slice(1) : after;
    if (names.length === 0 || names.length > 2 || !names.every((name) => NAME.test(name)))
      throw wrong(text, 'is on the hub and no model');
    return {
      kind: 'repo',
      hub: `${url.href}/`.startsWith(`${hub}/`) ? hub : url.origin,
      repo: names.join('/'),
      ...(isData && { dataSet: true }),
      revision: 'main',
    };
  }
  url.hash = '';
  if (!/\.gguf$/i.test(url.pathname) && !url.pathname.endsWith('/')) {
    // The address of a file in a folder means the folder.
    url.pathname = /\.\w+$/.test(url.pathname) ? url.pathname.replace(/[^/]*$/, '') : `${url.pathname}/`;
  }
  return { kind: 'url', url: url.href };
}

function decodedParts(url: URL, text: string): string[] {
  try {
    return url.pathname.split('/').filter(Boolean).map(decodeURIComponent);
  } catch {
    throw wrong(text, 'is not a valid address');
  }
}

/** The address that `parsePlace` reads as this place: it is kept with a model as its source, and to resume a download. */
export function placeAddress({ revision, file, ...place }: RepoPlace): string {
  const page = hubPage(place);
  return file === undefined
    ? `${page}/tree/${encodePath(revision)}`
    : `${page}/resolve/${encodePath(revision)}/${file.split('/').map(encodeURIComponent).join('/')}`;
}

/** The page of a repository, below which its files lie. */
export function hubPage({ hub, repo, dataSet }: Omit<RepoPlace, 'revision'>): string {
  return `${hub}/${dataSet ? `${DATA_SETS}/` : ''}${repo}`;
}

/** A branch with a slash is one part of the address. */
export function encodePath(revision: string): string {
  return encodeURIComponent(revision);
}
