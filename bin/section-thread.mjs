// The thread that reads sections of a file: src/cli/section-thread.ts.
import { load } from './bundle.mjs';

await load('section-thread');
