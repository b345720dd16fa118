/** `graft serve`: an OpenAI-compatible server on this machine, for a base model and adapters of it. */
import { basename, resolve } from 'node:path';
import { GraftError } from '../errors.ts';
import { ContinuousBatch } from '../model/continuous-batch.ts';
import { Embedder } from '../model/embedder.ts';
import { readAnyModel } from '../model/family.ts';
import { formatBytes } from '../numbers.ts';
import { afterPromptFlag, readAfterFlag } from './after-prompt.ts';
import { SIGNALS } from './exit.ts';
import { modelOf } from './files.ts';
import { Flags, type FlagSpecs } from './flags.ts';
import { encoderFlags, openEncoder, readEncoderFolder } from './open-encoder.ts';
import type { Output } from './output.ts';
import { EmbeddingService, type EmbeddingModel } from './serve-embeddings.ts';
import { RequestError } from './serve-errors.ts';
import { isLoopback, serveHttp, type ServeRoute } from './serve-http.ts';
import { openServeLog } from './serve-log.ts';
import { ServeQueue } from './serve-queue.ts';
import { TextService, unknownModel, type TextModel } from './serve-texts.ts';
import { modelFlags, openAdapter, openSession, requiredTokenizer, tokenizerOfAdapter } from './session.ts';

const PORT = 8080;
const QUEUE = 128;
/** Answers at once: a processor makes products of up to four rows with the kernels for one. */
const PARALLEL = { processor: 4, gpu: 8 };
/** Tokens of a sequence: with four at once, the cache of SmolLM2-135M has 377 MB in f32. */
const CONTEXT = 2048;
const KEY = 'GRAFT_API_KEY';

export const serveFlags = {
  model: modelFlags.model,
  adapter: {
    value: 'DIR …',
    many: true,
    help: 'PEFT adapter folders of this model; a request names one by the name of its folder',
  },
  port: { value: 'N', help: `the port that it listens on; 0 takes any that is free (default: ${PORT})` },
  host: {
    value: 'NAME',
    help: 'the address that it listens on (default: 127.0.0.1, which only this machine reaches)',
  },
  origin: {
    value: 'URL …',
    many: true,
    help: 'origins of web pages that may use it, such as http://localhost:5173 (default: none)',
  },
  parallel: {
    value: 'N',
    help: `answers that are made at once (default: ${PARALLEL.processor} on the CPU, ${PARALLEL.gpu} on a GPU)`,
  },
  queue: { value: 'N', help: `answers that may wait; further requests get status 429 (default: ${QUEUE})` },
  context: {
    value: 'N',
    help: `tokens of a prompt with its answer (default: ${CONTEXT}, or fewer if the model was made for fewer)`,
  },
  log: {
    value: 'FILE',
    help: 'append each question with its answer to this file as JSON lines (default: nothing is kept)',
  },
  'after-prompt': afterPromptFlag,
  prefix: { ...encoderFlags.prefix, help: `encoders: ${encoderFlags.prefix.help}` },
  pooling: { ...encoderFlags.pooling, help: `encoders: ${encoderFlags.pooling.help}` },
  precision: modelFlags.precision,
  'base-weights': modelFlags['base-weights'],
  'embedding-weights': modelFlags['embedding-weights'],
  device: modelFlags.device,
  threads: modelFlags.threads,
  kernels: modelFlags.kernels,
  help: modelFlags.help,
} as const satisfies FlagSpecs;

type ServeFlags = Flags<typeof serveFlags>;

/** What is served: the names of its models, and what can be asked of them. */
interface Service {
  readonly names: readonly string[];
  readonly routes: readonly ServeRoute[];
  readonly close?: () => void;
}

export async function serveCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = new Flags(serveFlags, args);
  const port = flags.integer('port') ?? PORT;
  if (port > 65535) throw new GraftError('arguments', `--port is ${port}, expected at most 65535.`, '');
  const host = flags.text('host') ?? '127.0.0.1';
  const origins = flags.texts('origin').map(readOrigin);
  const key = process.env[KEY];
  if (key === '')
    throw new GraftError('arguments', `${KEY} is set, but empty.`, 'Give it a value, or unset it.');
  const names = readNames(flags);
  // Checked before the model is read, which may take a while.
  flags.integer('queue');
  const files = await modelOf(flags.required('model'));
  const isEncoder = (await readAnyModel(files)).pooling !== undefined;
  const { routes, close } = await (isEncoder ? encoderService : textService)(flags, names, output);

  const created = Math.floor(Date.now() / 1000);
  const modelObject = (id: string): object => ({ id, object: 'model', created, owned_by: 'graft' });
  const serving = await serveHttp(
    [
      {
        ...{ method: 'GET', path: '/v1/models' },
        answer: () => ({ json: { object: 'list', data: names.map(modelObject) } }),
      },
      {
        ...{ method: 'GET', path: '/v1/models/', isPrefix: true },
        answer: ({ rest }) => {
          if (!names.includes(rest)) throw unknownModel(rest);
          return { json: modelObject(rest) };
        },
      },
      ...routes,
    ],
    { host, port, origins, key, log: (line) => output.line(line) },
  );
  if (!isLoopback(host) && key === undefined)
    output.line(`Warning: everybody who reaches ${host} may use this server. Set ${KEY} to ask for a key.`);
  output.line(`Serving ${names.join(', ')} at ${serving.address}. Ctrl-C ends it.`);

  await new Promise<void>((done) => {
    let stopping = false;
    const stop = (): void => {
      if (stopping) {
        serving.cancel();
        return;
      }
      stopping = true;
      if (serving.inProgress > 0)
        output.line(`Finishing ${serving.inProgress} in progress. Ctrl-C again cancels them.`);
      void serving.stop().then(() => {
        for (const signal of SIGNALS) process.off(signal, stop);
        close?.();
        done();
      });
    };
    for (const signal of SIGNALS) process.on(signal, stop);
  });
}

/** The name of the base and of each adapter: those of their folders. @throws GraftError `arguments` if two are equal */
function readNames(flags: ServeFlags): string[] {
  const names = [flags.required('model'), ...flags.texts('adapter')].map((path) => basename(resolve(path)));
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined)
    throw new GraftError(
      'arguments',
      `Two of the folders are called ${twice}, and requests name a model by its folder.`,
      'Rename one of them.',
    );
  return names;
}

/** @throws GraftError `arguments` */
function readOrigin(text: string): string {
  const origin = URL.canParse(text) ? new URL(text).origin : 'null';
  if (origin === 'null' || origin !== text.replace(/\/$/, ''))
    throw new GraftError(
      'arguments',
      `--origin has ${JSON.stringify(text)}, which is not an origin.`,
      'Give a scheme and a host, such as http://localhost:5173.',
    );
  return origin;
}

/** An endpoint of OpenAI's that this model or this server does not have. */
const absent = (path: string, why: string): ServeRoute => ({
  ...{ method: 'POST', path },
  answer() {
    throw new RequestError(404, why, { code: 'unknown_url' });
  },
});
const noResponses = absent(
  '/v1/responses',
  'This server has no Responses API: ask /v1/chat/completions, or /v1/embeddings of an encoder.',
);

function queueOf(flags: ServeFlags, places: number): ServeQueue {
  return new ServeQueue(places, flags.integer('queue') ?? QUEUE);
}

async function textService(
  flags: ServeFlags,
  [base, ...adapters]: readonly string[],
  output: Output,
): Promise<Service> {
  for (const name of ['prefix', 'pooling'] as const)
    if (flags.isGiven(name))
      throw new GraftError('arguments', `--${name} is for encoders, and ${base} writes texts.`, '');
  const session = await openSession(flags, output);
  const { model } = session;
  const paths = flags.texts('adapter');
  const tokenizer = await requiredTokenizer(session.files);
  const after = (path?: string): Promise<string> => readAfterFlag(flags, path);
  const models: TextModel[] = [{ name: base, adapter: undefined, tokenizer, after: await after() }];
  for (const [at, name] of adapters.entries()) {
    const path = paths[at];
    const adapter = await openAdapter(path, model);
    const own = await tokenizerOfAdapter(path, adapter, session.files, tokenizer);
    models.push({ name, adapter, tokenizer: own, after: await after(path) });
  }
  const parallel =
    flags.integer('parallel', 1) ?? (model.device.processor ? PARALLEL.processor : PARALLEL.gpu);
  const { maxPositions } = model.definition.shape;
  const context = flags.integer('context', 2) ?? Math.min(CONTEXT, maxPositions);
  if (context > maxPositions)
    throw new GraftError(
      'arguments',
      `--context is ${context}, and the model was made for at most ${maxPositions} tokens.`,
      '',
    );
  const batch = new ContinuousBatch(model, parallel, context);
  for (const { name, adapter } of models) {
    output.progress(`Preparing ${name}`);
    await batch.prepare(adapter);
  }
  output.line(
    `${parallel} ${parallel === 1 ? 'answer' : 'answers'} at once, of ${context} tokens with their prompt: the cache has ${formatBytes(batch.cacheBytes)}.`,
  );
  const path = flags.text('log');
  const log = path === undefined ? undefined : openServeLog(path, (text) => output.line(text));
  if (path !== undefined) output.line(`Questions and answers are logged to ${resolve(path)}.`);
  const texts = new TextService(batch, models, queueOf(flags, parallel), log?.keep);
  return {
    ...(log && { close: log.close }),
    names: models.map(({ name }) => name),
    routes: [
      noResponses,
      absent(
        '/v1/embeddings',
        `${base} writes texts, and only an encoder gives vectors: serve one by --model.`,
      ),
      {
        ...{ method: 'POST', path: '/v1/chat/completions' },
        answer: ({ body, ...asked }) => texts.chat(body, asked),
      },
      {
        ...{ method: 'POST', path: '/v1/completions' },
        answer: ({ body, ...asked }) => texts.complete(body, asked),
      },
    ],
  };
}

async function encoderService(
  flags: ServeFlags,
  [base, ...adapters]: readonly string[],
  output: Output,
): Promise<Service> {
  for (const name of ['parallel', 'context', 'log', 'after-prompt'] as const)
    if (flags.isGiven(name))
      throw new GraftError('arguments', `--${name} is for models that write, and ${base} is an encoder.`, '');
  const folder = await readEncoderFolder(flags, output);
  const first = await openEncoder(folder, flags, output);
  const models: EmbeddingModel[] = [{ name: base, embedder: first }];
  for (const [at, name] of adapters.entries()) {
    const adapter = await openAdapter(flags.texts('adapter')[at], first.encoder.model);
    models.push({ name, embedder: new Embedder(first.encoder.with(adapter), folder.settings) });
  }
  const embeddings = new EmbeddingService(folder, models, queueOf(flags, 1));
  return {
    names: models.map(({ name }) => name),
    routes: [
      noResponses,
      ...['/v1/chat/completions', '/v1/completions'].map((path) =>
        absent(path, `${base} is an encoder, which writes no texts: ask /v1/embeddings.`),
      ),
      {
        ...{ method: 'POST', path: '/v1/embeddings' },
        answer: ({ body, ...asked }) => embeddings.embed(body, asked),
      },
    ],
  };
}
