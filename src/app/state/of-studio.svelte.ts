/** State of the studio that is not part of the first screen: made when it is first asked for. */
import { untrack } from 'svelte';
import type { Studio } from './studio.svelte.ts';

/**
 * A part of the studio's state, one for each studio. It stays while another stage is open.
 *
 * @param make makes it; its derived values live on after the component that asked first is gone
 */
export function ofStudio<T extends object>(make: (studio: Studio) => T): (studio: Studio) => T {
  const known = new WeakMap<Studio, T>();
  return (studio) => {
    const before = known.get(studio);
    if (before) return before;
    let part!: T;
    untrack(() => $effect.root(() => void (part = make(studio))));
    known.set(studio, part);
    return part;
  };
}
