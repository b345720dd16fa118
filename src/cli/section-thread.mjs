// Starts src/cli/section-thread.ts in Node.
import { load } from '../../bin/bundle.mjs';

await load('section-thread');
