/** For work that ends at some time. */
import { untrack } from 'svelte';

/** In a component: calls a function each time that the work ends. */
export function whenItEnds(goesOn: () => boolean, then: () => void): void {
  let went = false;
  $effect(() => {
    const goes = goesOn();
    const ended = went && !goes;
    went = goes;
    if (ended) untrack(then);
  });
}
