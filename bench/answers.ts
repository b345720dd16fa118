/**
 * Greedy answers of 20 tokens to questions of banking77 with the same four examples before each: as many at once as graft evaluate and graft generate take, with the
 * examples computed once, and one at a time. On one model, on the CPU engine. The time of the processor says more than the clock on a machine that does
 * other work.
 *
 *   node --import tsx --loader ./bin/wgsl-loader.mjs bench/answers.ts [model folder] [folder of banking77] [answers] [of them one at a time] [threads]
 */
import { readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { csvRows } from '../src/data/csv.ts';
import { openProcessor } from '../src/cli/cpu.ts';
import { modelOf } from '../src/cli/files.ts';
import { promptOfMessages } from '../src/evaluate/answer.ts';
import { sequencesAtOnce } from '../src/model/generation.ts';
import { Generator } from '../src/model/generator.ts';
import { LanguageModel } from '../src/model/language-model.ts';
import { greedy } from '../src/model/sampling.ts';
import { loadTokenizer } from '../src/text/tokenizer.ts';

const [
  path = '.cache/models/SmolLM2-135M-Instruct',
  data = '../shared/datasets',
  answerCount = '200',
  singleCount = '25',
  threads = '2',
] = process.argv.slice(2);
const NEW_TOKENS = 20;

const rowsOf = (name: string): { text: string; label: string }[] =>
  [...csvRows(readFileSync(join(data, name), 'utf8'), ',')]
    .slice(1)
    .map(({ cells: [text, label] }) => ({ text, label }));
const train = rowsOf('banking77_train.csv');
const test = rowsOf('banking77_test.csv');
const step = Math.floor(test.length / Number(answerCount));
const asked = test.filter((_, at) => at % step === 0).slice(0, Number(answerCount));
const shots = [0, 2500, 5000, 7500].map((at) => train[at]);

const device = await openProcessor({ threads: Number(threads) });
const files = await modelOf(path);
const model = await LanguageModel.load(device, files, { precision: 'f32' });
const tokenizer = await loadTokenizer(files);
const prompts = asked.map(({ text }) =>
  promptOfMessages(tokenizer, [
    ...shots.flatMap((shot) => [
      { role: 'user' as const, content: shot.text },
      { role: 'assistant' as const, content: shot.label },
    ]),
    { role: 'user' as const, content: text },
  ]),
);
const maxLength = Math.max(...prompts.map(({ length }) => length)) + NEW_TOKENS + 1;
const options = { maxNewTokens: NEW_TOKENS, sampling: greedy, seed: 0, stopIds: [] };

interface Measured {
  readonly ids: readonly (readonly number[])[];
  readonly seconds: number;
  readonly processor: number;
}

async function measure(
  sequences: number,
  calls: readonly (readonly (readonly number[])[])[],
): Promise<Measured> {
  const generator = new Generator(model, sequences, maxLength);
  // Plans are compiled, and threads are warm.
  await generator.generate(prompts.slice(0, sequences), { ...options, maxNewTokens: 2 });
  const [clock, used] = [performance.now(), process.cpuUsage()];
  const ids: number[][] = [];
  for (const call of calls) ids.push(...(await generator.generate(call, options)).map((one) => one.ids));
  const { user, system } = process.cpuUsage(used);
  await device.settle();
  generator.destroy();
  return {
    ids,
    seconds: (performance.now() - clock) / 1e3 / ids.length,
    processor: (user + system) / 1e6 / ids.length,
  };
}

const sequences = sequencesAtOnce(model, prompts.length, maxLength);
const single = await measure(
  1,
  prompts.slice(0, Number(singleCount)).map((prompt) => [prompt]),
);
const together = await measure(sequences, [prompts]);
const same = single.ids.filter((ids, at) => ids.join() === together.ids[at].join()).length;
const tokens = prompts.reduce((sum, { length }) => sum + length, 0) / prompts.length;
console.log(
  `${prompts.length} answers of ${NEW_TOKENS} tokens, prompts of ${tokens.toFixed(0)} tokens, ${sequences} at once; load ${loadavg()[0].toFixed(1)}`,
);
for (const [name, { ids, seconds, processor }] of [
  ['one at a time', single],
  ['together', together],
] as const)
  console.log(
    `  ${name.padEnd(13)} ${seconds.toFixed(2)} s an answer, ${processor.toFixed(2)} s of the processor (${ids.length} answers)`,
  );
console.log(
  `  ${(single.seconds / together.seconds).toFixed(1)} × by the clock, ${(single.processor / together.processor).toFixed(1)} × by the processor; ` +
    `${same} of ${single.ids.length} answers are the same to the last token`,
);
process.exit(0);
