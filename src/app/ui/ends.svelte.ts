/** For what takes its time, and is over some time. */
import { untrack } from 'svelte';

/** In a component: does something each time that what goes on has ended. */
export function whenItEnds(goesOn: () => boolean, then: () => void): void {
  let went = false;
  $effect(() => {
    const goes = goesOn();
    const ended = went && !goes;
    went = goes;
    if (ended) untrack(then);
  });
}
