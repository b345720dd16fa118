/** The program of the chat pages that people export, which is a file of the app. */
import address from 'virtual:chat-page';
import { fetchFile } from '../../answers.ts';
import { GraftError, messageOf } from '../../errors.ts';
import type { ChatPageProgram } from '../../export/chat-page/write.ts';

/** @throws GraftError `worker-fetch` */
export async function fetchChatPageProgram(): Promise<ChatPageProgram> {
  try {
    const bytes = await fetchFile(new URL(address, self.location.href));
    return JSON.parse(new TextDecoder().decode(bytes)) as ChatPageProgram;
  } catch (cause) {
    throw new GraftError(
      'worker-fetch',
      `The program of the chat page could not be loaded: ${messageOf(cause)}.`,
      'Check the connection, then try again; after the first visit it is kept for use offline.',
      { cause },
    );
  }
}
