/** The thread of the sandbox in the browser. See src/scorers/sandbox/sandbox.ts. */
import { messageOf } from '../../errors.ts';
import type { SandboxQuestion } from '../../scorers/sandbox/sandbox.ts';

// Nothing is awaited at the top level: a module that is loaded here may import a chunk that waits for this one.
async function begin(): Promise<void> {
  try {
    const { answerTo, loadInterpreter } = await import('../../scorers/sandbox/interpreter.ts');
    await loadInterpreter();
    addEventListener('message', ({ data }: MessageEvent<SandboxQuestion>) => {
      void answerTo(data).then((answer) => postMessage(answer));
    });
    postMessage('');
  } catch (error) {
    // Offline, before it was kept.
    postMessage(messageOf(error));
  }
}
void begin();
