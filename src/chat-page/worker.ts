/** The worker of a chat page: the model, or a thread of the CPU engine, as its first message says. */
import { serve } from '../engine/cpu/serve.mjs';
import type { ThreadStart } from '../engine/cpu/threads.ts';
import { GraftError, messageOf } from '../errors.ts';
import { openChatDevice } from './device.ts';
import { ChatModel } from './model.ts';
import type { AskRequest, FromWorker, OpenRequest, ToWorker } from './protocol.ts';

let model: ChatModel | undefined;
let answering: AbortController | undefined;

const say = (message: FromWorker): void => postMessage(message);

addEventListener('message', ({ data }: MessageEvent<ToWorker | ThreadStart>) => {
  if ('memory' in data) {
    postMessage('ready');
    serve(data);
    return;
  }
  if (data.kind === 'stop') answering?.abort();
  else void (data.kind === 'open' ? open(data) : ask(data)).catch(fail);
});

async function open({ settings, files, kernels, device: choice }: OpenRequest): Promise<void> {
  // A small model answers on the processor at once, and a GPU would first compile its kernels.
  const isSmall = settings.files.every(({ pieces }) => pieces.length === 0);
  const chosen = choice === 'auto' ? (isSmall ? 'processor' : 'gpu-if-real') : choice;
  const { device, words } = await openChatDevice(chosen, kernels, (done, total) =>
    say({ kind: 'progress', what: 'Comparing the GPU with the CPU', done, total }),
  );
  model = await ChatModel.open(device, settings, files, (done, total) =>
    say({ kind: 'progress', what: 'Loading the model', done, total }),
  );
  say({ kind: 'ready', device: words, takesSystem: model.takesSystem, context: model.context });
}

async function ask(request: AskRequest): Promise<void> {
  if (!model) throw new Error('A question came before the model was open');
  answering = new AbortController();
  try {
    const done = await model.ask(request, (text) => say({ kind: 'text', text }), answering.signal);
    say({ kind: 'answered', ...done });
  } finally {
    answering = undefined;
  }
}

function fail(error: unknown): void {
  const known = error instanceof GraftError;
  say({
    kind: 'failed',
    what: known ? error.what : messageOf(error),
    remedy: known ? error.remedy : 'Reload the page.',
  });
}
