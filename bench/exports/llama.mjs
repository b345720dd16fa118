// @ts-check
/**
 * llama.cpp's probabilities, next to those of the reference: node llama.mjs LIBRARY MODEL ADAPTER REFERENCE, with '' for no adapter. Prints the same
 * numbers as ask.py, but for logits, which node-llama-cpp does not give.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [library, file, adapter, reference] = process.argv.slice(2);
const { getLlama } = await import(pathToFileURL(join(library, 'dist', 'index.js')).href);
const llama = await getLlama({ gpu: false, build: 'never', logLevel: 'error' });
const model = await llama.loadModel({ modelPath: file });
const context = await model.createContext({
  contextSize: 512,
  ...(adapter !== '' && { lora: { adapters: [{ filePath: adapter, scale: 1 }] } }),
});

/** @type {{ ids: number[], start: number }[]} */
const rows = JSON.parse(readFileSync(join(reference, 'rows.json'), 'utf8'));
const { buffer, byteOffset, byteLength } = readFileSync(join(reference, 'logits.f32'));
const logits = new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
const V = logits.length / rows.reduce((sum, { ids }) => sum + ids.length, 0);

const told = { probability: 0, kept: 0, tokens: 0 };
let at = 0;
const sequence = context.getSequence();
for (const { ids, start } of rows) {
  await sequence.clearHistory();
  const asked = ids.map((id) => [id, { generateNext: { probabilities: true } }]);
  const answers = await sequence.controlledEvaluate(asked);
  for (const [place, { next }] of answers.entries()) {
    const wanted = logits.subarray(at * V, (at + 1) * V);
    at++;
    const most = wanted.reduce((a, b) => Math.max(a, b), -Infinity);
    const sum = wanted.reduce((all, x) => all + Math.exp(x - most), 0);
    const [[likeliest]] = next.probabilities;
    for (const [token, probability] of next.probabilities)
      told.probability = Math.max(
        told.probability,
        Math.abs(probability - Math.exp(wanted[token] - most) / sum),
      );
    if (place < start - 1 || place === ids.length - 1) continue;
    told.tokens++;
    if (likeliest === ids[place + 1]) told.kept++;
  }
}
process.stdout.write(JSON.stringify(told), () => process.exit(0));
