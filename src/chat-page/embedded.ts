/** What the page holds in elements of its own: settings, files, and the rest of its program. */
import {
  FILE_ATTRIBUTE,
  chatPageKey,
  SETTINGS_ID,
  type ChatPageSettings,
} from '../export/chat-page/settings.ts';

/** The element of an id, which page.html has. @throws Error if it has none */
export function element<Of extends HTMLElement = HTMLElement>(id: string): Of {
  const found = document.getElementById(id);
  if (!found) throw new Error(`The page has no ${id}`);
  return found as Of;
}

export const readPageSettings = (): ChatPageSettings =>
  JSON.parse(element(SETTINGS_ID).textContent) as ChatPageSettings;

/** The bytes of a file that the page holds. Its text is given up for them. @throws Error if the page is cut short */
export function takeFile(file: Parameters<typeof chatPageKey>[0]): Uint8Array<ArrayBuffer> {
  const key = chatPageKey(file);
  const held = [...document.querySelectorAll(`[${FILE_ATTRIBUTE}]`)].find(
    (one) => one.getAttribute(FILE_ATTRIBUTE) === key,
  );
  if (!held) throw new Error(`The page has no file ${key}`);
  const bytes = bytesOf(held.textContent);
  held.remove();
  return bytes;
}

/** A part of the program: the worker's script, the builds of the kernels, the licences. */
export async function unpacked(
  part: 'worker' | 'relaxed' | 'simd' | 'licences',
): Promise<Uint8Array<ArrayBuffer>> {
  const packed = new Blob([bytesOf(element(`program-${part}`).textContent)]);
  const stream = packed.stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}
