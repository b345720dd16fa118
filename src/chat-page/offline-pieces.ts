/** The pieces of the model in the browser's own storage, so that the page opens again without a network. */
import { OFFLINE, type ChatPageSettings } from '../export/chat-page/settings.ts';

/** As offline.js names it. */
const KEPT = 'graft-chat-page';

/** Only a secure page may keep files. */
const open = (): Promise<Cache> | undefined => ('caches' in globalThis ? caches.open(KEPT) : undefined);

export async function keptPiece(url: URL): Promise<Blob | undefined> {
  const cache = await open();
  return (await cache?.match(url))?.blob();
}

/** Keeps a piece, if there is room. The page works without it as long as there is a network. */
export async function keepPiece(url: URL, blob: Blob): Promise<void> {
  const cache = await open();
  await cache?.put(url, new Response(blob)).catch(() => undefined);
}

/** Lets the page open without a network, and gives up pieces of another model that was here before. */
export async function keepPage({ files }: ChatPageSettings): Promise<void> {
  const pieces = files.flatMap((file) => file.pieces.map(({ name }) => new URL(name, location.href).href));
  if (pieces.length === 0 || !('serviceWorker' in navigator)) return;
  await navigator.serviceWorker.register(OFFLINE);
  const cache = await open();
  const folder = new URL('.', location.href).href;
  for (const { url } of (await cache?.keys()) ?? [])
    if (url.startsWith(folder) && url.endsWith('.bin') && !pieces.includes(url)) await cache?.delete(url);
}
