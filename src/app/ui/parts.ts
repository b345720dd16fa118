/** Parts of the page that are loaded when they are opened. */
import type { Failure } from '../../worker/api.ts';

/** The failure of a part that could not be loaded. */
export const NOT_LOADED: Failure = {
  code: 'app-part',
  what: 'A part of the page did not load.',
  remedy: 'Reload the page when there is a network.',
};
