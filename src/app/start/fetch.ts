/** Files that come with the page. */

/** @param path under samples/ */
export async function fetchBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(new URL(`samples/${path}`, document.baseURI));
  if (!response.ok) throw new Error(`samples/${path}: ${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
}
