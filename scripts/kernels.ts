/** Compiles the CPU engine's kernels ahead of their first use: `npm pack` takes them along. */
import { compiledKernels, KERNEL_BUILDS } from '../src/cli/kernels.ts';

for (const build of KERNEL_BUILDS) await compiledKernels(build);
