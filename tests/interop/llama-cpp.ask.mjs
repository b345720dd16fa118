/**
 * llama.cpp's predictions after each token of a text, with an adapter and without, and its tokens of some texts: { alone, adapted, tokens }. The
 * first two are lists of [token, probability] by likelihood. Run as: node llama-cpp.ask.mjs LIBRARY MODEL ADAPTER IDS TEXTS, with '' for no adapter
 */
import { pathToFileURL } from 'node:url';

const [library, base, adapter, ids, texts = '[]'] = process.argv.slice(2);
const { getLlama } = await import(pathToFileURL(library).href);
const llama = await getLlama({ gpu: false, build: 'never', logLevel: 'error' });
const model = await llama.loadModel({ modelPath: base });

async function next(lora) {
  const context = await model.createContext({ contextSize: 256, ...lora });
  const asked = JSON.parse(ids).map((id) => [id, { generateNext: { probabilities: true } }]);
  const answers = await context.getSequence().controlledEvaluate(asked);
  await context.dispose();
  return answers.map(({ next: { probabilities } }) => [...probabilities]);
}

const told = {
  alone: await next({}),
  ...(adapter !== '' && {
    adapted: await next({ lora: { adapters: [{ filePath: adapter, scale: 1 }] } }),
  }),
  tokens: JSON.parse(texts).map((text) => model.tokenize(text, false)),
};
process.stdout.write(JSON.stringify(told), () => process.exit(0));
