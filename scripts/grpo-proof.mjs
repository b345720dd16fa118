// @ts-check
/**
 * Proof that learning from rewards learns: Sprig on the bundled sample `lists`, from the reward alone, with the settings of the sample.
 *
 *   node scripts/grpo-proof.mjs [--seeds 1,2,3] [--threads N] [--set '{"temperature": 1}'] [--validate]
 *
 * Prints, for each seed, the share of the test's prompts that are answered right before and after, asked directly and after two solved examples; the
 * same for questions about the garden, which the run does not train; and the time of the run.
 *
 * `--validate` is for choosing settings: one training prompt of each thing is held out and measured in place of the test, which it does not read.
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
const { startSandbox } = await import('../src/cli/sandbox.ts');
const { readExamples } = await import('../src/data/formats.ts');
const { prepareRows } = await import('../src/data/prepare.ts');
const { questionsOf } = await import('../src/data/questions.ts');
const { answer, promptOfMessages } = await import('../src/evaluate/answer.ts');
const { Generator } = await import('../src/model/generator.ts');
const { LanguageModel } = await import('../src/model/language-model.ts');
const { greedy } = await import('../src/model/sampling.ts');
const { openRewards } = await import('../src/scorers/rewards/reward.ts');
const { rowsFor } = await import('../src/runs/asked-rows.ts');
const { makeTrainable } = await import('../src/runs/trainable.ts');
const { loadTokenizer } = await import('../src/text/tokenizer.ts');
const { specOf } = await import('../src/settings/spec.ts');
const { Trainer } = await import('../src/train/trainer.ts');

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1,2,3' },
    threads: { type: 'string' },
    set: { type: 'string', default: '{}' },
    validate: { type: 'boolean', default: false },
  },
});
const SAMPLES = join(import.meta.dirname, '../public/samples');
/** Tokens of an answer that is measured. */
const NEW_TOKENS = 32;
/** Prompts answered at once. */
const SEQUENCES = 10;
/** Solved examples before a question. */
const SHOTS = 2;

/** @typedef {{ prompt: string, expected: string }} Asked */

/** @param {string} path under the samples */
const examplesOf = (path) =>
  readExamples(readFileSync(join(SAMPLES, path), 'utf8'), { fileName: path }).examples;
const index = /** @type {{ id: string, settings: Record<string, unknown> }[]} */ (
  JSON.parse(readFileSync(join(SAMPLES, 'index.json'), 'utf8'))
);
const settings = {
  ...index.find(({ id }) => id === 'lists')?.settings,
  .../** @type {Record<string, unknown>} */ (JSON.parse(values.set)),
};

const device = await openProcessor(values.threads ? { threads: Number(values.threads) } : {});
const files = folder(join(import.meta.dirname, '../public/models/sprig'));
const model = await LanguageModel.load(device, files, { precision: 'f32' });
const tokenizer = await loadTokenizer(files);
const rewards = await openRewards(/** @type {never} */ (settings['rewards']), { startSandbox });

/** The training rows; with --validate one of each thing is held out. */
const all = examplesOf('lists/train.jsonl');
const heldOut = values.validate ? oneOfEach(all) : [];
const examples = all.filter((example) => !heldOut.includes(example));

/** The examples of one prompt for each wanted thing, another of its wordings for each. @param {typeof all} from */
function oneOfEach(from) {
  /** @type {Map<string, { prompt: string, example: typeof from[number] }[]>} */
  const byThing = new Map();
  for (const example of from) {
    const [{ prompt, expected }] = questionsOf([example], true);
    byThing.set(expected, [...(byThing.get(expected) ?? []), { prompt, example }]);
  }
  return [...byThing.keys()].sort().map((thing, at) => {
    const rows = /** @type {{ prompt: string, example: typeof from[number] }[]} */ (byThing.get(thing));
    rows.sort((a, b) => (a.prompt < b.prompt ? -1 : 1));
    return rows[at % rows.length].example;
  });
}

const solved = [
  ['Name three colours, beginning with red.', 'Red, blue and green.'],
  ['Name three days, beginning with Monday.', 'Monday, Friday and Sunday.'],
];
/** Questions about the garden. Answers are detailed; their first sentence is what Sprig says by itself. @param {string} path */
const gardenOf = (path) =>
  questionsOf(examplesOf(path), true).map((question) => ({
    ...question,
    expected: question.expected.split('. ')[0].replace(/\.?$/, '.'),
  }));

/**
 * The share of questions that are answered right.
 *
 * @param {readonly Asked[]} questions
 * @param {(text: string, question: Asked) => Promise<boolean>} isRight
 * @param {{ adapter?: import('../src/adapters/adapter.ts').Adapter, shots?: readonly string[][], temperature?: number }} [how] greedy without a
 *   temperature
 */
async function share(questions, isRight, { adapter, shots = [], temperature } = {}) {
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
    const sampling = temperature === undefined ? greedy : { ...greedy, temperature };
    const options = { maxNewTokens: NEW_TOKENS, sampling, seed: start, adapter };
    const answers = await answer(generator, tokenizer, group, options);
    for (const [at, { text }] of answers.entries()) if (await isRight(text, questions[start + at])) right++;
  }
  await device.settle();
  generator.destroy();
  return right / questions.length;
}

/** @type {Parameters<typeof share>[1]} */
const isRewarded = async (completion, { prompt, expected: answer }) => {
  const [{ total }] = await rewards.score([{ prompt, completion, tokens: 0, cut: false, answer, row: {} }]);
  return total === 1;
};
/** @type {Parameters<typeof share>[1]} */
const isExpected = async (text, { expected }) => text.trim() === expected;

/** What is measured, by its heading. @type {Record<string, (adapter?: import('../src/adapters/adapter.ts').Adapter) => Promise<number>>} */
let measures;
if (values.validate) {
  const [trained, held] = [examples, heldOut].map((some) => questionsOf(some, true));
  const temperature = /** @type {number} */ (settings['temperature'] ?? 1);
  measures = {
    'held out': (adapter) => share(held, isRewarded, { adapter }),
    'held out, sampled': (adapter) => share(held, isRewarded, { adapter, temperature }),
    trained: (adapter) => share(trained, isRewarded, { adapter }),
    'trained, sampled': (adapter) => share(trained, isRewarded, { adapter, temperature }),
  };
} else {
  const lists = questionsOf(examplesOf('lists/test.jsonl'), true);
  const garden = gardenOf('detail/test.jsonl');
  const shots = gardenOf('detail/train.jsonl')
    .slice(0, SHOTS)
    .map(({ prompt, expected }) => [prompt, expected]);
  measures = {
    lists: (adapter) => share(lists, isRewarded, { adapter }),
    'lists, 2 examples': (adapter) => share(lists, isRewarded, { adapter, shots: solved }),
    garden: (adapter) => share(garden, isExpected, { adapter }),
    'garden, 2 examples': (adapter) => share(garden, isExpected, { adapter, shots }),
  };
}
/** @param {string} name @param {string} time @param {Parameters<(typeof measures)[string]>[0]} [adapter] */
async function tell(name, time, adapter) {
  const shares = [];
  for (const measure of Object.values(measures))
    shares.push(`${Math.round(100 * (await measure(adapter)))} %`);
  console.log(`| ${[name, ...shares, time].join(' | ')} |`);
}

const names = Object.keys(measures);
console.log(`| | ${names.join(' | ')} | seconds |\n|${' --- |'.repeat(names.length + 2)}`);
await tell('Sprig', '');
const { rows } = prepareRows(examples, tokenizer, { maxLength: 96 });
for (const seed of values.seeds.split(',').map(Number)) {
  const options = specOf({ ...settings, seed });
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
  await tell(`seed ${seed}, ${options.steps} steps`, seconds.toFixed(0), trainable.adapter);
  await trainer.destroy();
  trainable.adapter?.destroy();
}
rewards.close();
device.close();
