/**
 * Every property of fast-check draws the same cases each time, so that a change is judged by its own faults. `npm run test:long` draws others, and
 * GRAFT_FUZZ_SEED repeats them: a whole number.
 */
import fc from 'fast-check';

fc.configureGlobal({ seed: Number(process.env['GRAFT_FUZZ_SEED'] ?? 1) });
