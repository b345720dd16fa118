/**
 * The largest numbers of each layer of a model, of values and of gradients, over rows of gsm8k as conversations: how far they are from 65,504, the end of
 * half precision. Computed in f32 on the CPU engine. Gradients are those of the summed loss of the answer's tokens.
 *
 *   node --import tsx --loader ./bin/wgsl-loader.mjs bench/half-range.ts [model folder] [file of {question, answer}] [rows]
 */
import { readFileSync } from 'node:fs';
import { openProcessor } from '../src/cli/cpu.ts';
import { modelOf } from '../src/cli/files.ts';
import { promptOfMessages } from '../src/evaluate/answer.ts';
import { LanguageModel } from '../src/model/language-model.ts';
import { observe } from '../src/model/observe.ts';
import { loadTokenizer } from '../src/text/tokenizer.ts';

const [
  path = '.cache/models/SmolLM2-135M-Instruct',
  data = '../shared/datasets/gsm8k_test.jsonl',
  count = '8',
] = process.argv.slice(2);
const HALF = 65_504;

const files = await modelOf(path);
const device = await openProcessor({ threads: 2 });
const model = await LanguageModel.load(device, files, { precision: 'f32' });
const tokenizer = await loadTokenizer(files);
const rows = readFileSync(data, 'utf8')
  .split('\n')
  .filter((line) => line)
  .slice(0, Number(count))
  .map((line) => JSON.parse(line) as { question: string; answer: string });

interface Largest {
  value: number;
  /** The position and the channel of that value. */
  place: string;
  /** Without the first token, where models keep what attention needs to look at nothing. */
  later: number;
  gradient: number;
}
const largest = new Map<string, Largest>();
let tokens = 0;
for (const { question, answer } of rows) {
  const prompt = promptOfMessages(tokenizer, [{ role: 'user', content: question }]);
  const ids = [...prompt, ...tokenizer.encode(answer)];
  tokens += ids.length;
  const labels = ids.map((id, at) => (at < prompt.length ? -100 : id));
  for (const [name, { shape, values, gradient }] of await observe(model, ids, ['hidden.*'], { labels })) {
    const width = shape[shape.length - 1];
    const most = largest.get(name) ?? { value: 0, place: '', later: 0, gradient: 0 };
    values.forEach((value, at) => {
      const size = Math.abs(value);
      if (at >= width) most.later = Math.max(most.later, size);
      if (size <= most.value) return;
      most.value = size;
      most.place = `token ${Math.floor(at / width)}, channel ${at % width}`;
    });
    for (const value of gradient ?? []) most.gradient = Math.max(most.gradient, Math.abs(value));
    largest.set(name, most);
  }
}
const digits = (value: number): string => value.toPrecision(3);
console.log(`${rows.length} rows, ${tokens} tokens\n`);
console.log(
  '| hidden state | largest | where | after the first token | share of 65,504 | largest gradient |',
);
console.log('|---|---|---|---|---|---|');
for (const [name, { value, place, later, gradient }] of largest)
  console.log(
    `| ${name} | ${digits(value)} | ${place} | ${digits(later)} | ${((100 * value) / HALF).toFixed(1)}% | ${digits(gradient)} |`,
  );
await model.destroy();
device.close();
