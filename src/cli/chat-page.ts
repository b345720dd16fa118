/** The program of a chat page, as `bin/chat-page.mjs` puts it together. */
import { readFile } from 'node:fs/promises';
import { parseJson } from '../json.ts';
import type { ChatPageProgram } from '../export/chat-page/write.ts';
import { kernelFile } from './kernels.ts';

/** Plain JavaScript next to the command, which the build of the studio uses too. */
interface Builder {
  readonly chatPageFile: (kernels: typeof kernelFile) => Promise<string>;
}

/** Made now if no earlier call has made it. @throws GraftError `engine-kernels` */
export async function chatPageProgram(): Promise<ChatPageProgram> {
  const builder = (await import(new URL('../../bin/chat-page.mjs', import.meta.url).href)) as Builder;
  const path = await builder.chatPageFile(kernelFile);
  return parseJson(await readFile(path, 'utf8'), path) as ChatPageProgram;
}
