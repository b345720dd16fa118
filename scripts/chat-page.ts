import type { Plugin } from 'vite';
import { chatPageFile } from '../bin/chat-page.mjs';
import { kernelFile } from '../src/cli/kernels.ts';

/** `virtual:chat-page`: the address of the program of the chat pages that people export. */
export function chatPage(): Plugin {
  const name = 'virtual:chat-page';
  return {
    name: 'graft-chat-page',
    resolveId: (id) => (id === name ? `\0${name}` : undefined),
    async load(id) {
      if (id !== `\0${name}`) return undefined;
      return `export { default } from ${JSON.stringify(`${await chatPageFile(kernelFile)}?url`)};`;
    },
  };
}
