/**
 * Compiles the CPU engine's kernels ahead of their first use, writes the licences of what is in them, and puts the chat page together: at `npm ci` for a
 * checkout, and at `npm pack`, which takes all of them along.
 */
import { chatPageFile } from '../bin/chat-page.mjs';
import { compiledKernels, kernelFile, KERNEL_BUILDS } from '../src/cli/kernels.ts';
import { writePackageNotices } from './notices.ts';

for (const build of KERNEL_BUILDS) await compiledKernels(build);
await writePackageNotices();
await chatPageFile(kernelFile);
