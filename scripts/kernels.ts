/** Compiles the CPU engine's kernels ahead of their first use: at `npm ci` for a checkout, and at `npm pack`, which takes them along. */
import { compiledKernels, KERNEL_BUILDS } from '../src/cli/kernels.ts';

for (const build of KERNEL_BUILDS) await compiledKernels(build);
