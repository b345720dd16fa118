// Graft's side of the decoding contest: a model folder on the CPU engine, and greedy answers of it.
import { LanguageModel } from '../../../src/model/language-model.ts';
import { Generator } from '../../../src/model/generator.ts';
import { greedy } from '../../../src/model/sampling.ts';
import { loadTokenizer } from '../../../src/text/tokenizer.ts';
import { memoryFiles } from '../../../src/weights/bytes.ts';
import { modelFolder } from '../../../src/weights/folder.ts';
import { openProcessor } from '../../../src/worker/device/processor.ts';

const MOST_TOKENS = 2048;
let opened;

export async function openModel({ files, threads }) {
  const bytes = async (name) => new Uint8Array(await (await fetch(`/model/${name}`)).arrayBuffer());
  const record = Object.fromEntries(await Promise.all(files.map(async (name) => [name, await bytes(name)])));
  const folder = await modelFolder(memoryFiles(record, 'model'));
  const tokenizer = await loadTokenizer(folder);
  const model = await LanguageModel.load(await openProcessor(threads), folder);
  opened = { tokenizer, generator: new Generator(model, 1, MOST_TOKENS) };
  return {};
}

/** @returns milliseconds to the first token and to the last one */
export async function answer({ prompt, newTokens }) {
  const { tokenizer, generator } = opened;
  const start = performance.now();
  const ids = tokenizer.encode(prompt);
  let first = 0;
  let last = 0;
  const [{ ids: said }] = await generator.generate([ids], {
    maxNewTokens: newTokens,
    sampling: greedy,
    seed: 0,
    stopIds: [],
    onToken: () => {
      last = performance.now() - start;
      first ||= last;
    },
  });
  return { first, last, tokens: said.length, text: tokenizer.decode(said), promptTokens: ids.length };
}
