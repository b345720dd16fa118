// @ts-check
/**
 * Proof that learning from rewards learns: Sprig on the bundled sample `lists`, from the reward alone, with the settings of the sample.
 *
 *   node scripts/grpo-proof.mjs [--seeds 1,2,3] [--steps N] [--threads N]
 *
 * Prints, for each seed, the share of held-out prompts that are answered right before and after, asked directly and behind two solved examples; the
 * same for questions about the garden that the run has nothing to do with; and how long the run took.
 */
import { register } from 'node:module';
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { register as registerTypeScript } from 'tsx/esm/api';

// As bin/graft.mjs.
register('../bin/wgsl-loader.mjs', import.meta.url);
registerTypeScript();
const { openProcessor } = await import('../src/cli/cpu.ts');
const { folder } = await import('../src/cli/files.ts');
const { readExamples } = await import('../src/data/formats.ts');
const { prepareRows } = await import('../src/data/prepare.ts');
const { questionsOf } = await import('../src/data/questions.ts');
const { answer, promptOfMessages } = await import('../src/evaluate/answer.ts');
const { Generator } = await import('../src/model/generator.ts');
const { LanguageModel } = await import('../src/model/language-model.ts');
const { greedy } = await import('../src/model/sampling.ts');
const { openRewards } = await import('../src/rewards/reward.ts');
const { rowsFor } = await import('../src/runs/asked-rows.ts');
const { makeTrainable } = await import('../src/runs/trainable.ts');
const { loadTokenizer } = await import('../src/text/tokenizer.ts');
const { trainOptionsOf } = await import('../src/train/options.ts');
const { Trainer } = await import('../src/train/trainer.ts');

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1,2,3' },
    steps: { type: 'string' },
    threads: { type: 'string' },
  },
});
const SAMPLES = join(import.meta.dirname, '../public/samples');
/** Tokens of an answer that is measured. */
const NEW_TOKENS = 32;
/** Prompts answered at once. */
const SEQUENCES = 10;
/** Solved examples before a question. */
const SHOTS = 2;

/** @param {string} path under the samples */
const examplesOf = (path) =>
  readExamples(readFileSync(join(SAMPLES, path), 'utf8'), { fileName: path }).examples;
const index = /** @type {{ id: string, settings: Record<string, unknown> }[]} */ (
  JSON.parse(readFileSync(join(SAMPLES, 'index.json'), 'utf8'))
);
const settings = index.find(({ id }) => id === 'lists')?.settings ?? {};

const device = await openProcessor(values.threads ? { threads: Number(values.threads) } : {});
const files = folder(join(import.meta.dirname, '../public/models/sprig'));
const model = await LanguageModel.load(device, files, { precision: 'f32' });
const tokenizer = await loadTokenizer(files);
const rewards = await openRewards(/** @type {never} */ (settings['rewards']));

/** Prompts that the run is about, each with a solved example's right answer: the wanted thing, and two others of its kind. */
const lists = questionsOf(examplesOf('lists/test.jsonl'), true);
const solved = [
  ['Name three colours, beginning with red.', 'Red, blue and green.'],
  ['Name three days, beginning with Monday.', 'Monday, Friday and Sunday.'],
];
/** Questions that it is not about; of the detailed answers the first sentence is what Sprig says by itself. */
const garden = questionsOf(examplesOf('detail/test.jsonl'), true).map((question) => ({
  ...question,
  expected: question.expected.split('. ')[0].replace(/\.?$/, '.'),
}));
const answered = questionsOf(examplesOf('detail/train.jsonl'), true)
  .slice(0, SHOTS)
  .map(({ prompt, expected }) => [prompt, expected.split('. ')[0].replace(/\.?$/, '.')]);

/**
 * The share of questions that are answered right.
 *
 * @param {readonly { prompt: string, expected: string }[]} questions
 * @param {readonly string[][]} shots
 * @param {(text: string, question: { prompt: string, expected: string }) => Promise<boolean>} isRight
 * @param {import('../src/adapters/adapter.ts').Adapter | undefined} adapter
 */
async function share(questions, shots, isRight, adapter) {
  const turns = shots.flatMap(([user, assistant]) => [
    { role: /** @type {const} */ ('user'), content: user },
    { role: /** @type {const} */ ('assistant'), content: assistant },
  ]);
  const prompts = questions.map(({ prompt }) =>
    promptOfMessages(tokenizer, [...turns, { role: 'user', content: prompt }]),
  );
  const longest = Math.max(...prompts.map(({ length }) => length));
  const generator = new Generator(model, SEQUENCES, longest + NEW_TOKENS);
  let right = 0;
  for (let start = 0; start < prompts.length; start += SEQUENCES) {
    const group = prompts.slice(start, start + SEQUENCES);
    const options = { maxNewTokens: NEW_TOKENS, sampling: greedy, seed: 0, adapter };
    const answers = await answer(generator, tokenizer, group, options);
    for (const [at, { text }] of answers.entries()) if (await isRight(text, questions[start + at])) right++;
  }
  await device.settle();
  generator.destroy();
  return right / questions.length;
}

/** @type {Parameters<typeof share>[2]} */
const isRewarded = async (completion, { prompt, expected: answer }) => {
  const [{ total }] = await rewards.score([{ prompt, completion, tokens: 0, cut: false, answer, row: {} }]);
  return total === 1;
};
/** @type {Parameters<typeof share>[2]} */
const isExpected = async (text, { expected }) => text.trim() === expected;

/** @param {Parameters<typeof share>[3]} [adapter] */
const measure = async (adapter) => [
  await share(lists, [], isRewarded, adapter),
  await share(lists, solved, isRewarded, adapter),
  await share(garden, [], isExpected, adapter),
  await share(garden, answered, isExpected, adapter),
];
/** @param {string} name @param {readonly number[]} shares @param {string} time */
const tell = (name, shares, time) =>
  console.log(`| ${[name, ...shares.map((one) => `${Math.round(100 * one)} %`), time].join(' | ')} |`);

console.log(
  '| | lists | lists, 2 examples | garden | garden, 2 examples | seconds |\n| --- | --- | --- | --- | --- | --- |',
);
tell('Sprig', await measure(), '');
const examples = examplesOf('lists/train.jsonl');
const { rows } = prepareRows(examples, tokenizer, { maxLength: 96 });
for (const seed of values.seeds.split(',').map(Number)) {
  const options = trainOptionsOf({ ...settings, seed, ...(values.steps && { steps: Number(values.steps) }) });
  const { trainable } = await makeTrainable(model, options);
  const began = performance.now();
  const trainer = await Trainer.create({
    trainable,
    options,
    rows: rowsFor(
      'grpo',
      rows,
      rows.map((row, at) => ({ row, example: examples[at] })),
    ),
    scoring: { tokenizer, rewards },
  });
  await trainer.run();
  const seconds = (performance.now() - began) / 1000;
  tell(`seed ${seed}, ${options.steps} steps`, await measure(trainable.adapter), seconds.toFixed(0));
  await trainer.destroy();
  trainable.adapter?.destroy();
}
rewards.close();
device.close();
