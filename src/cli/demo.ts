/** `graft demo`: the whole path in one command, on the bundled model and a bundled data set. */
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';
import { readExamples } from '../data/formats.ts';
import { prepareRows, type PreparedRow } from '../data/prepare.ts';
import type { Example } from '../data/example.ts';
import { GraftError } from '../errors.ts';
import { answer, promptOfMessages } from '../evaluate/answer.ts';
import { evaluateLoss } from '../evaluate/loss.ts';
import { isExactMatch } from '../evaluate/metrics/exact-match.ts';
import { proportion } from '../evaluate/proportion.ts';
import { writePeft } from '../export/peft.ts';
import { parseJson } from '../json.ts';
import { Generator } from '../model/generator.ts';
import type { Adapter } from '../adapters/adapter.ts';
import { greedy } from '../model/sampling.ts';
import { baseInWords } from '../model/weight-types.ts';
import { cardFacts } from '../runs/card-facts.ts';
import { makeTrainable, type Subject } from '../runs/trainable.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { StepEvent } from '../train/events.ts';
import { defaultOptions, type TrainOptions } from '../train/options.ts';
import { Trainer } from '../train/trainer.ts';
import { readWhole, writeFolder } from './files.ts';
import { Flags, type FlagSpecs } from './flags.ts';
import { lockFolder } from './folder-lock.ts';
import { checkOutput } from './output-path.ts';
import { formatSeconds, type Output } from './output.ts';
import { claimFiles } from './own-files.ts';
import { recipeOfRun } from './recipe.ts';
import { checkFree, discard, runWrites, weightsLast, type Claim } from './run-folder.ts';
import { modelFlags, openSession, requiredTokenizer, type Session } from './session.ts';
import { version } from './version.ts';

const PUBLIC = fileURLToPath(new URL('../../public', import.meta.url));
const MODEL = join(PUBLIC, 'models', 'sprig');
const SAMPLES = join(PUBLIC, 'samples');

export const demoFlags = {
  sample: { value: 'ID', help: 'a bundled data set (default: the first)' },
  out: { value: 'DIR', help: 'where to write the adapter (default: out/demo-ID)' },
  overwrite: { help: 'replace the result that --out holds' },
  precision: modelFlags.precision,
  device: modelFlags.device,
  threads: modelFlags.threads,
  help: modelFlags.help,
} as const satisfies FlagSpecs;

const Sample = v.object({
  id: v.string(),
  title: v.string(),
  description: v.string(),
  train: v.string(),
  test: v.string(),
  metric: v.picklist(['exact', 'none']),
  settings: v.object({
    steps: v.number(),
    batch: v.number(),
    lr: v.number(),
    rank: v.number(),
    alpha: v.number(),
    maxLength: v.number(),
  }),
});
type Sample = v.InferOutput<typeof Sample>;

/** Answers shown before and after. */
const SHOWN = 3;
const ANSWER_TOKENS = 64;
/** Prompts answered at once. */
const SEQUENCES = 8;

interface Question {
  readonly prompt: string;
  readonly expected: string;
}

export async function demoCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = new Flags(demoFlags, args);
  const sample = await chooseSample(flags.text('sample'));
  const out = flags.text('out') ?? join('out', `demo-${sample.id}`);
  checkOutput('--out', out, [
    { what: 'the bundled model', path: MODEL },
    { what: 'the bundled data in', path: SAMPLES },
  ]);
  const release = await lockFolder(out, 'graft demo');
  try {
    await checkFree(out, claimOf(flags));
    await demo(flags, sample, out, output);
  } finally {
    await release();
  }
}

/** Without --out it replaces its own result of before. */
const claimOf = (flags: Flags<typeof demoFlags>): Claim => ({
  overwrite: flags.on('overwrite'),
  writes: runWrites('adapter'),
  again: flags.text('out') === undefined,
});

async function demo(
  flags: Flags<typeof demoFlags>,
  sample: Sample,
  out: string,
  output: Output,
): Promise<void> {
  const started = performance.now();
  output.line(`${sample.title}. ${sample.description}\n`);

  const session = await openSession(new Flags(modelFlags, ['--model', MODEL, ...passOn(flags)]), output);
  const tokenizer = await requiredTokenizer(session.files);
  const { settings } = sample;
  const load = async (name: string): Promise<{ examples: Example[]; rows: PreparedRow[] }> => {
    const { examples } = readExamples(await readWhole(join(SAMPLES, name)), { fileName: name });
    return { examples, rows: prepareRows(examples, tokenizer, { maxLength: settings.maxLength }).rows };
  };
  const training = await load(sample.train);
  const test = await load(sample.test);
  const questions = test.examples.flatMap(asQuestion);

  output.line(`Before: the base model on ${questions.length} held-out examples`);
  const before = await ask(session, tokenizer, questions);
  const beforeLoss = await evaluateLoss(session.model, test.rows);

  const defaults = defaultOptions();
  const options: TrainOptions = {
    ...defaults,
    ...settings,
    lora: { ...defaults.lora, rank: settings.rank, alpha: settings.alpha },
  };
  const subject = await makeTrainable(session.model, options);
  const adapter = subject.trainable.adapter!;
  const steps = await train(subject, training.rows, output);

  const after = await ask(session, tokenizer, questions, adapter);
  const afterLoss = await evaluateLoss(session.model, test.rows, adapter);
  questions.slice(0, SHOWN).forEach(({ prompt }, i) => {
    output.result(`\n  Prompt  ${prompt}\n  Base    ${before[i]}\n  Tuned   ${after[i]}\n`);
  });
  output.result(
    `\nHeld-out loss ${beforeLoss.loss.toFixed(3)} → ${afterLoss.loss.toFixed(3)} (perplexity ${beforeLoss.perplexity.toFixed(1)} → ${afterLoss.perplexity.toFixed(1)})\n`,
  );
  if (sample.metric === 'exact')
    output.result(`Exact answers ${countExact(before, questions)} → ${countExact(after, questions)}\n`);

  const made = { baseModel: 'sprig', model: session.model, options, rows: training.rows.length };
  const how = {
    recipe: recipeOfRun(options, {}, false),
    made: {
      graft: version(),
      precision: session.model.dtype,
      base: baseInWords(session.model.weightChoices),
    },
  };
  const facts = {
    ...cardFacts(made, { step: options.steps!, bestEvalLoss: afterLoss.loss }, { steps }),
    how,
  };
  const files = writePeft({ ...subject.adapter!, tensors: await adapter.read() }, facts);
  await discard(out, claimOf(flags));
  await claimFiles(out, Object.keys(files), claimOf(flags));
  await writeFolder(out, weightsLast(files));
  output.line(
    `Wrote the adapter to ${resolve(out)}; PEFT can load it. All of this took ${formatSeconds((performance.now() - started) / 1000)}, and nothing left this machine.`,
  );
}

async function train(
  { trainable, options }: Subject,
  rows: readonly PreparedRow[],
  output: Output,
): Promise<StepEvent[]> {
  const steps: StepEvent[] = [];
  const trainer = await Trainer.create({
    trainable,
    options,
    rows,
    onEvent(event) {
      if (event.type === 'compile') output.progress(`Compiling shaders: ${event.done} of ${event.total}`);
      if (event.type !== 'step') return;
      steps.push(event);
      const { step, loss, secondsLeft, tokensPerSecond } = event;
      output.progress(
        `Step ${step} of ${event.steps}  loss ${loss.toFixed(3)}  ${Math.round(tokensPerSecond)} tokens/s  ${formatSeconds(secondsLeft)} left`,
        step === 1 || step === event.steps,
      );
    },
  });
  await trainer.run();
  await trainer.destroy();
  const seconds = steps.reduce((sum, { seconds: s }) => sum + s, 0);
  output.line(
    `Trained ${steps.length} steps on ${rows.length} rows in ${formatSeconds(seconds)}: loss ${steps[0].loss.toFixed(3)} → ${steps[steps.length - 1].loss.toFixed(3)}`,
  );
  return steps;
}

async function ask(
  { model }: Session,
  tokenizer: Tokenizer,
  questions: readonly Question[],
  adapter?: Adapter,
): Promise<string[]> {
  const generator = new Generator(model, SEQUENCES, model.definition.shape.maxPositions);
  const texts: string[] = [];
  for (let start = 0; start < questions.length; start += SEQUENCES) {
    const prompts = questions
      .slice(start, start + SEQUENCES)
      .map(({ prompt }) => promptOfMessages(tokenizer, [{ role: 'user', content: prompt }]));
    const answers = await answer(generator, tokenizer, prompts, {
      maxNewTokens: ANSWER_TOKENS,
      sampling: greedy,
      seed: 0,
      adapter,
    });
    texts.push(...answers.map(({ text }) => text));
  }
  await model.device.settle();
  generator.destroy();
  return texts;
}

function asQuestion(example: Example): Question[] {
  if (example.kind !== 'messages') return [];
  const prompt = example.messages.find(({ role }) => role === 'user');
  const expected = example.messages.find(({ role }) => role === 'assistant');
  return prompt && expected ? [{ prompt: prompt.content, expected: expected.content }] : [];
}

function countExact(answers: readonly string[], questions: readonly Question[]): string {
  const { count, total, interval } = proportion(
    answers.filter((text, i) => isExactMatch(text, questions[i].expected)).length,
    answers.length,
  );
  const percent = interval.map((share) => Math.round(share * 100));
  return `${count} of ${total} (95% interval ${percent[0]}–${percent[1]}%)`;
}

async function chooseSample(id: string | undefined): Promise<Sample> {
  const path = join(SAMPLES, 'index.json');
  const samples = v.parse(v.array(Sample), parseJson(new TextDecoder().decode(await readWhole(path)), path));
  const sample = id === undefined ? samples[0] : samples.find((candidate) => candidate.id === id);
  if (!sample)
    throw new GraftError(
      'arguments',
      `There is no sample ${JSON.stringify(id)}.`,
      `Samples are ${samples.map((entry) => entry.id).join(', ')}.`,
    );
  return sample;
}

function passOn(flags: Flags<typeof demoFlags>): string[] {
  return (['precision', 'device', 'threads'] as const).flatMap((name) => {
    const value = flags.text(name);
    return value === undefined ? [] : [`--${name}`, value];
  });
}
