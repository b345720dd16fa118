/** Where a model came from, short enough to read. */

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
