/** State of the studio that is not part of the first screen: made when it is first asked for. */
import { untrack } from 'svelte';
import type { Studio } from './studio.svelte.ts';

/** Makes a part whose derived values live on after the component that asked first is gone. @returns it, and what ends its effects */
function made<T extends object>(make: (studio: Studio) => T, studio: Studio): readonly [T, () => void] {
  let part!: T;
  const end = untrack(() => $effect.root(() => void (part = make(studio))));
  return [part, end];
}

/** A part of the studio's state, one for each studio, that belongs to no project. It stays while another stage is open. */
export function ofStudio<T extends object>(make: (studio: Studio) => T): (studio: Studio) => T {
  const known = new WeakMap<Studio, T>();
  return (studio) => {
    const before = known.get(studio);
    if (before) return before;
    const [part] = made(make, studio);
    known.set(studio, part);
    return part;
  };
}

/**
 * The same for what belongs to the open project: a new part is made once another one is opened, or a new one is begun. It stays when the first thing
 * that is worth keeping makes a project.
 *
 * @param make makes it; its `end` ends what is under way when the project is left
 */
export function ofProject<T extends object & { end?(): void }>(
  make: (studio: Studio) => T,
): (studio: Studio) => T {
  const known = new WeakMap<Studio, T>();
  return (studio) => {
    const { projects } = studio;
    // A component that shows it asks again when the project is left.
    void projects.left;
    const before = known.get(studio);
    if (before) return before;
    const [part, endEffects] = made(make, studio);
    known.set(studio, part);
    projects.whenLeft(() => {
      known.delete(studio);
      endEffects();
      part.end?.();
    });
    return part;
  };
}
