/** Transformers.js in a page, with a folder that `graft export --format onnx` wrote: the same answers as Graft gives. */
import { createReadStream, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Adapter } from '../../src/adapters/adapter.ts';
import { openProcessor } from '../../src/cli/cpu.ts';
import { exportCommand } from '../../src/cli/export.ts';
import { folder } from '../../src/cli/files.ts';
import { createOutput } from '../../src/cli/output.ts';
import { answer, promptOf } from '../../src/evaluate/answer.ts';
import { readPeft } from '../../src/export/peft.ts';
import { Generator } from '../../src/model/generator.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { greedy } from '../../src/model/sampling.ts';
import { loadTokenizer } from '../../src/text/tokenizer.ts';
import { referencePath } from '../engine/reference-file.ts';
import { SPRIG, sprigFolder } from '../engine/sprig.ts';
import { PACKAGES } from '../onnxruntime.ts';
import { closePages, openChromium } from './chromium.ts';

const ADAPTER = referencePath('peft', 'adapter');
const QUESTIONS = ['Where do you keep the rum?', 'Say good morning.'];
const NEW_TOKENS = 24;
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};
const LIBRARY = '/packages/@xenova/transformers/dist/transformers.web.js';
const ONNXRUNTIME = '/packages/onnxruntime-web/dist/';
const PAGE = `<!doctype html><link rel="icon" href="data:," /><script type="importmap">${JSON.stringify({
  imports: {
    '@huggingface/transformers': LIBRARY,
    'onnxruntime-web/webgpu': `${ONNXRUNTIME}ort.webgpu.bundle.min.mjs`,
    'onnxruntime-common': '/packages/onnxruntime-common/dist/esm/index.js',
  },
})}</script><script type="module">
import * as transformers from '@huggingface/transformers';
globalThis.transformers = transformers;
</script>`;

/** Serves the packages and the models, and nothing else. */
async function serve(models: string): Promise<Server> {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url!, 'http://page').pathname);
    if (path === '/') {
      response.writeHead(200, { 'Content-Type': TYPES['.html'] }).end(PAGE);
      return;
    }
    const [, root, ...rest] = path.split('/');
    const file = join({ packages: PACKAGES, models }[root] ?? '/nowhere', ...rest);
    if (!existsSync(file)) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { 'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream' });
    createReadStream(file).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
  return server;
}

/** The answers of Graft to each question: base and adapter apart. */
async function answersOfGraft(): Promise<string[]> {
  const device = await openProcessor();
  const model = await LanguageModel.load(device, sprigFolder(), { precision: 'f32' });
  const { modules, tensors } = await readPeft(folder(ADAPTER), model.definition);
  const adapter = await Adapter.frozen(model, modules, tensors);
  const tokenizer = await loadTokenizer(sprigFolder());
  const generator = new Generator(model, QUESTIONS.length, 128);
  const answers = await answer(
    generator,
    tokenizer,
    QUESTIONS.map((question) => promptOf(tokenizer, question)),
    { maxNewTokens: NEW_TOKENS, sampling: greedy, seed: 0, adapter },
  );
  device.close();
  return answers.map(({ text }) => text);
}

/** The part of Transformers.js that the page uses. */
interface Library {
  readonly env: {
    allowRemoteModels: boolean;
    allowLocalModels: boolean;
    localModelPath: string;
    useBrowserCache: boolean;
    useWasmCache: boolean;
    readonly backends: { readonly onnx: { readonly wasm: { wasmPaths: string; numThreads: number } } };
  };
  pipeline(
    task: string,
    model: string,
  ): Promise<
    (
      messages: readonly { readonly role: string; readonly content: string }[],
      options: { readonly max_new_tokens: number; readonly do_sample: boolean },
    ) => Promise<[{ generated_text: { content: string }[] }]>
  >;
}

/** The answers of Transformers.js in a page to each question. */
async function answersInPage(page: Page, model: string): Promise<string[]> {
  return page.evaluate(
    async ({ model, onnxruntime, questions, newTokens }) => {
      const { env, pipeline } = (globalThis as unknown as { transformers: Library }).transformers;
      env.allowRemoteModels = false;
      env.allowLocalModels = true;
      env.localModelPath = '/models/';
      env.useBrowserCache = false;
      env.useWasmCache = false;
      env.backends.onnx.wasm.wasmPaths = new URL(onnxruntime, location.href).href;
      env.backends.onnx.wasm.numThreads = 1;
      const generator = await pipeline('text-generation', model);
      const texts: string[] = [];
      for (const content of questions) {
        const options = { max_new_tokens: newTokens, do_sample: false };
        const [{ generated_text: said }] = await generator([{ role: 'user', content }], options);
        texts.push(said.at(-1)!.content);
      }
      return texts;
    },
    { model, onnxruntime: ONNXRUNTIME, questions: QUESTIONS, newTokens: NEW_TOKENS },
  );
}

describe('Transformers.js', () => {
  let server: Server;
  let models: string;
  beforeAll(async () => {
    models = mkdtempSync(join(tmpdir(), 'graft-transformers-js-'));
    server = await serve(models);
  });
  afterAll(async () => {
    await closePages();
    server.closeAllConnections();
    await new Promise((resolve) => void server.close(resolve));
    rmSync(models, { recursive: true, force: true });
  });

  test('a page with an exported model gives the answers of Graft', async () => {
    for (const type of ['f32', 'f16'])
      await exportCommand(
        [
          ...['--model', SPRIG, '--adapter', ADAPTER, '--format', 'onnx', '--type', type],
          ...['--out', join(models, type)],
        ],
        createOutput(),
      );
    const wanted = await answersOfGraft();
    expect(wanted.every((text) => text.length > 20)).toBe(true);
    const page = await (await openChromium()).newPage();
    await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/`);
    for (const type of ['f32', 'f16']) expect(await answersInPage(page, type), type).toEqual(wanted);
  });
});
