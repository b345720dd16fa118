/** Opens an entry of the glossary over the page, next to what it explains. */
import { mount, unmount } from 'svelte';
import Entry from './Entry.svelte';
import { CHAPTERS } from './terms.ts';

/**
 * @param at what is explained: the entry lies next to it, and the focus returns there
 * @param onclosed called once, however it was closed
 * @returns closes it
 */
export function openEntry(id: string, at: HTMLElement, onclosed: () => void): () => void {
  const term = CHAPTERS.flatMap(({ terms }) => terms).find((entry) => entry.id === id);
  // A word without an entry is a slip in the code, which the unit test of the guide finds.
  if (!term) throw new Error(`The glossary has no entry ${id}`);
  let closed = false;
  const close = (): void => {
    if (closed) return;
    closed = true;
    void unmount(entry);
    onclosed();
  };
  const entry = mount(Entry, { target: document.body, props: { term, at, onclosed: close } });
  return close;
}
