// @ts-check
/**
 * Where the hub signs addresses for the large files of a push (Git LFS). It is one bucket, so the page can send nothing to other servers of the same
 * host. A bucket is listed only if the hub is known to use it: a name that is free could be taken by anybody.
 */
export const HUB_UPLOADS = ['https://hf-hub-lfs-us-east-1.s3-accelerate.amazonaws.com'];

/**
 * Checks what GRAFT_HUBS names: the page may reach these origins, so each must be one server. A wildcard or a whole scheme would let the page
 * send data anywhere.
 *
 * @param {string} value origins, separated by white space
 * @returns {string[]} the origins as browsers write them
 */
export function hubOrigins(value) {
  return value.split(/\s+/).filter(Boolean).map(hubOrigin);
}

/** @param {string} text */
function hubOrigin(text) {
  const refused = (/** @type {string} */ why) =>
    new Error(
      `GRAFT_HUBS: ${JSON.stringify(text)} ${why}. Name each server by its origin, such as https://hub.example.org or http://localhost:8080.`,
    );
  if (text.includes('*'))
    throw refused('has a wildcard, which would open the page to servers that were not named');
  if (!URL.canParse(text)) throw refused('is no origin');
  const { protocol, origin, hostname } = new URL(text);
  if (protocol !== 'https:' && protocol !== 'http:') throw refused('is neither http nor https');
  // A policy is a list of words, with ; and , between its parts.
  if (!/^(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:.]+\])$/.test(hostname))
    throw refused('has no valid name of a server');
  const written = text.toLowerCase().replace(protocol === 'https:' ? /:443$/ : /:80$/, '');
  if (written !== origin) throw refused('has more than an origin: a path, a user, or a slash at the end');
  return origin;
}
