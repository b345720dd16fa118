/** A measurement that was asked for on another screen: Evaluate starts it as soon as it can. */
import { ofProject } from '../state/of-studio.svelte.ts';

class Soon {
  isAsked = $state(false);
}

export const soonOf = ofProject(() => new Soon());
