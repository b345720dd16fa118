/** Tries a regular expression on texts, in a thread of its own that can be ended. See tried-pattern.ts. */
import type { TriedTexts } from './tried-pattern.ts';

addEventListener('message', ({ data: { source, flags, texts } }: MessageEvent<TriedTexts>) => {
  const expression = new RegExp(source, flags);
  for (const text of texts) text.match(expression);
  postMessage(undefined);
});
postMessage('ready');
