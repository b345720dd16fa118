/**
 * Compiles the CPU engine's kernels ahead of their first use, and writes the licences of what is in them: at `npm ci` for a checkout, and at `npm pack`,
 * which takes both along.
 */
import { compiledKernels, KERNEL_BUILDS } from '../src/cli/kernels.ts';
import { writePackageNotices } from './notices.ts';

for (const build of KERNEL_BUILDS) await compiledKernels(build);
await writePackageNotices();
