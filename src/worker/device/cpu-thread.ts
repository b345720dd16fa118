/** A thread of the CPU engine in the browser. See src/engine/cpu/serve.mjs. */
import { serve } from '../../engine/cpu/serve.mjs';
import type { ThreadStart } from '../../engine/cpu/threads.ts';

addEventListener('message', ({ data }: MessageEvent<ThreadStart>) => {
  postMessage('ready');
  serve(data);
});
