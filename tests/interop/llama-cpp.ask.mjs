/**
 * llama.cpp's predictions after each token of a text, with an adapter and without: { alone, adapted }, each a list of [token, probability] by
 * likelihood. Run as: node llama-cpp.ask.mjs LIBRARY BASE ADAPTER IDS
 */
import { pathToFileURL } from 'node:url';

const [library, base, adapter, ids] = process.argv.slice(2);
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
  adapted: await next({ lora: { adapters: [{ filePath: adapter, scale: 1 }] } }),
};
process.stdout.write(JSON.stringify(told), () => process.exit(0));
