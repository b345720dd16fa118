/**
 * The 77 labels of banking77 scored by likelihood after a question: in one pass over the cache of the prompt, and each label with its prompt as a
 * sequence of its own. In turn on one model, on the CPU engine. The time of the processor says more than the clock on a machine that does other work.
 *
 *   node --import tsx --loader ./bin/wgsl-loader.mjs bench/choices.ts [model folder] [folder of banking77] [questions] [threads]
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadavg } from 'node:os';
import { logProbabilities } from '../src/engine/ops/log_probabilities.ts';
import { Tape } from '../src/engine/tape.ts';
import { csvRows } from '../src/data/csv.ts';
import { openProcessor } from '../src/cli/cpu.ts';
import { modelOf } from '../src/cli/files.ts';
import { promptOfMessages } from '../src/evaluate/answer.ts';
import { batchTensors, writeBatch } from '../src/model/batch.ts';
import { scoreChoices } from '../src/model/choice-scores.ts';
import { LanguageModel } from '../src/model/language-model.ts';
import { loadTokenizer } from '../src/text/tokenizer.ts';

const [
  path = '.cache/models/SmolLM2-135M-Instruct',
  data = '../shared/datasets',
  questionCount = '3',
  threads = '2',
] = process.argv.slice(2);

const rowsOf = (name: string): { text: string; label: string }[] =>
  [...csvRows(readFileSync(join(data, name), 'utf8'), ',')]
    .slice(1)
    .map(({ cells: [text, label] }) => ({ text, label }));
const train = rowsOf('banking77_train.csv');
const asked = rowsOf('banking77_test.csv')
  .filter((_, at) => at % 400 === 7)
  .slice(0, Number(questionCount));
const labels = [...new Set(train.map(({ label }) => label))].sort();
/** Four questions with their answers, as a few-shot prompt has them. */
const shots = [0, 2500, 5000, 7500].map((at) => train[at]);

const device = await openProcessor({ threads: Number(threads) });
const files = await modelOf(path);
const model = await LanguageModel.load(device, files, { precision: 'f32' });
const tokenizer = await loadTokenizer(files);
const choices = labels.map((label) => tokenizer.encode(label));

/** Each choice with its prompt is a replay of its own. */
async function oneByOne(prompt: readonly number[]): Promise<number[]> {
  const longest = Math.max(...choices.map((ids) => ids.length));
  const tape = new Tape(device);
  const inputs = batchTensors(tape, { tokens: prompt.length + longest, rows: longest }, model.batchOptions);
  const hidden = model.forward(tape, inputs);
  const scores = logProbabilities(tape, hidden, model.headOf(tape, undefined), inputs.labels, { kept: true });
  const plan = await device.compile(tape, model.pool);
  const found: number[] = [];
  for (const choice of choices) {
    writeBatch(plan, inputs, [
      { ids: [...prompt, ...choice], labels: [...prompt.map(() => -100), ...choice] },
    ]);
    plan.run();
    found.push(new Float32Array(await plan.read(scores)).reduce((sum, value) => sum + value, 0));
  }
  plan.destroy();
  return found;
}

const clocked = async <Result>(
  work: () => Promise<Result>,
): Promise<{ result: Result; seconds: number; processor: number }> => {
  const [clock, used] = [performance.now(), process.cpuUsage()];
  const result = await work();
  const { user, system } = process.cpuUsage(used);
  return { result, seconds: (performance.now() - clock) / 1e3, processor: (user + system) / 1e6 };
};

for (const [title, before] of [
  ['only the question', []],
  ['4 examples before the question', shots],
] as const) {
  const prompts = asked.map(({ text }) =>
    promptOfMessages(tokenizer, [
      ...before.flatMap((shot) => [
        { role: 'user' as const, content: shot.text },
        { role: 'assistant' as const, content: shot.label },
      ]),
      { role: 'user' as const, content: text },
    ]),
  );
  // The first replay of a thread is slower.
  await scoreChoices(model, [{ prompt: prompts[0], choices: choices.slice(0, 2) }]);
  const shared = await clocked(() =>
    scoreChoices(
      model,
      prompts.map((prompt) => ({ prompt, choices })),
    ),
  );
  const apart = await clocked(async () => {
    const found: number[][] = [];
    for (const prompt of prompts) found.push(await oneByOne(prompt));
    return found;
  });
  const difference = Math.max(
    ...shared.result.flatMap((row, at) => row.map((value, i) => Math.abs(value - apart.result[at][i]))),
  );
  const largest = Math.max(...apart.result.flat().map(Math.abs));
  const tokens = prompts.reduce((sum, { length }) => sum + length, 0) / prompts.length;
  console.log(
    `${title}: ${labels.length} labels, prompts of ${tokens.toFixed(0)} tokens; load ${loadavg()[0].toFixed(1)}`,
  );
  for (const [name, { seconds, processor }] of [
    ['one by one', apart],
    ['shared', shared],
  ] as const)
    console.log(
      `  ${name.padEnd(10)} ${(seconds / prompts.length).toFixed(2)} s a question, ${(processor / prompts.length).toFixed(2)} s of the processor`,
    );
  console.log(
    `  ${(apart.seconds / shared.seconds).toFixed(1)} × by the clock, ${(apart.processor / shared.processor).toFixed(1)} × by the processor; ` +
      `largest difference ${difference.toExponential(1)} of ${largest.toFixed(1)}`,
  );
}
process.exit(0);
