/** Parts of the page that are loaded when somebody goes there. */
import type { Failure } from '../../worker/api.ts';

/** One did not come. */
export const NOT_LOADED: Failure = {
  code: 'app-part',
  what: 'A part of the page did not load.',
  remedy: 'Reload the page when there is a network.',
};
