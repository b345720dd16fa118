// @ts-check
/** Puts the command together ahead of its first start: at `npm ci` for a checkout, and at `npm pack`, which takes it along. */
import { bundle } from '../bin/bundle.mjs';

await bundle();
