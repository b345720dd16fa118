/** What the table says about a model that this browser keeps. */
import type { KeptModel } from '../../worker/api.ts';
import { date } from '../ui/format.ts';
import { plural } from '../../numbers.ts';

/** Where it came from and when. A model without an address was added from disk or trained here. */
export const keptFrom = ({ source, created }: KeptModel): string =>
  `${source ? `from ${shownSource(source)}` : 'from disk or trained here'}, kept ${date(created)}`;

/** Runs and adapters that need it. */
export function neededBy({ runs, adapters }: KeptModel): string {
  const parts = [
    ...(runs.length > 0 ? [`${plural(runs.length, 'run')} to resume (${runs.join(', ')})`] : []),
    ...(adapters > 0 ? [plural(adapters, 'adapter')] : []),
  ];
  if (parts.length === 0) return 'No run and no adapter needs it.';
  const many = runs.length + adapters > 1;
  return `${parts.join(' and ')} ${many ? 'need' : 'needs'} it. ${many ? 'They stay' : 'It stays'}, and can be used again once the model is added again.`;
}

/**
 * `huggingface.co/org/name, commit 1a2b3c4`; of any other address host and path.
 *
 * @param source the address that is kept with a model
 */
export function shownSource(source: string): string {
  if (!URL.canParse(source)) return source;
  const { host, pathname } = new URL(source);
  const repo = /^(.*)\/(?:tree|resolve)\/([0-9a-f]{7})[0-9a-f]{33}(?:\/(.+))?$/.exec(pathname);
  if (!repo) return `${host}${decoded(pathname)}`;
  const [, place, commit, file] = repo;
  return `${host}${decoded(place)}${file === undefined ? '' : `, ${decoded(file)}`}, commit ${commit}`;
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
