/** The thread of the sandbox in the browser. See src/rewards/sandbox.ts. */
import type { Question } from '../rewards/sandbox.ts';

const { answerTo } = await import('../rewards/interpreter.ts');
addEventListener('message', ({ data }: MessageEvent<Question>) => {
  void answerTo(data).then((answer) => postMessage(answer));
});
postMessage('ready');
