/** `graft demo`: the whole path in one command. A run of `graft train` on the bundled model and a bundled data set, which is asked before and after. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';
import type { Adapter } from '../adapters/adapter.ts';
import type { Example } from '../data/example.ts';
import { readExamples } from '../data/formats.ts';
import { prepareRows, type PreparedRow } from '../data/prepare.ts';
import { GraftError } from '../errors.ts';
import { answer, promptOfMessages } from '../evaluate/answer.ts';
import { evaluateLoss } from '../evaluate/loss.ts';
import { isExactMatch } from '../scorers/exact-match.ts';
import { proportion } from '../proportion.ts';
import { parseJson } from '../json.ts';
import { Generator } from '../model/generator.ts';
import { greedy } from '../model/sampling.ts';
import { readRecipe, recipeFlags, type Recipe } from '../settings/recipe.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { readWhole } from './files.ts';
import { Flags, type FlagSpecs } from './flags.ts';
import { checkOutput } from './output-path.ts';
import { formatSeconds, type Output } from './output.ts';
import { modelFlags, requiredTokenizer, type LoadedModel } from './session.ts';
import type { Around } from './train-run.ts';
import { trainBy } from './train.ts';

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
  kernels: modelFlags.kernels,
  help: modelFlags.help,
} as const satisfies FlagSpecs;

const Sample = v.object({
  id: v.string(),
  title: v.string(),
  description: v.string(),
  train: v.string(),
  test: v.string(),
  metric: v.picklist(['exact', 'none']),
  // A recipe, which is read as one.
  settings: v.record(v.string(), v.unknown()),
});
type Sample = Omit<v.InferOutput<typeof Sample>, 'settings'> & { readonly settings: Recipe };

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
  const started = performance.now();
  const sample = await chooseSample(flags.text('sample'));
  const out = flags.text('out') ?? join('out', `demo-${sample.id}`);
  checkOutput('--out', out, [
    { what: 'the bundled model', path: MODEL },
    { what: 'the bundled data in', path: SAMPLES },
  ]);
  output.line(`${sample.title}. ${sample.description}\n`);
  await trainBy(
    [
      ...['--model', MODEL, '--data', join(SAMPLES, sample.train), '--out', out],
      ...recipeFlags(sample.settings).flatMap(([flag, value]) =>
        typeof value === 'string' ? [`--${flag}=${value}`] : value ? [`--${flag}`] : [],
      ),
      ...passOn(flags),
    ],
    output,
    // Without --out it replaces its own result of before.
    { again: flags.text('out') === undefined, around: await aroundOf(sample, output) },
  );
  output.line(
    `PEFT can load it. All of this took ${formatSeconds((performance.now() - started) / 1000)}, and nothing left this machine.`,
  );
}

/** Asks held-out questions before the run and after it. */
async function aroundOf(sample: Sample, output: Output): Promise<Around> {
  const bytes = await readWhole(join(SAMPLES, sample.test));
  const { examples } = readExamples(bytes, { fileName: sample.test });
  const questions = examples.flatMap(asQuestion);
  const maxLength = sample.settings['maxLength'] as number;
  const measure = async (session: LoadedModel, adapter?: Adapter): Promise<Measured> => {
    const tokenizer = await requiredTokenizer(session.files);
    const rows: PreparedRow[] = prepareRows(examples, tokenizer, { maxLength }).rows;
    const answers = await ask(session, tokenizer, questions, adapter);
    return { answers, ...(await evaluateLoss(session.model, rows, adapter)) };
  };
  let before: Measured;
  return {
    async before(session) {
      output.line(`Before: the base model on ${questions.length} held-out examples`);
      before = await measure(session);
    },
    async after(session, { trainable }) {
      const after = await measure(session, trainable.adapter);
      questions.slice(0, SHOWN).forEach(({ prompt }, i) => {
        output.result(
          `\n  Prompt  ${prompt}\n  Base    ${before.answers[i]}\n  Tuned   ${after.answers[i]}\n`,
        );
      });
      output.result(
        `\nHeld-out loss ${before.loss.toFixed(3)} → ${after.loss.toFixed(3)} (perplexity ${before.perplexity.toFixed(1)} → ${after.perplexity.toFixed(1)})\n`,
      );
      if (sample.metric === 'exact')
        output.result(
          `Exact answers ${countExact(before.answers, questions)} → ${countExact(after.answers, questions)}\n`,
        );
    },
  };
}

interface Measured {
  readonly answers: readonly string[];
  readonly loss: number;
  readonly perplexity: number;
}

async function ask(
  { model }: LoadedModel,
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
  return { ...sample, settings: readRecipe(JSON.stringify(sample.settings), path) };
}

function passOn(flags: Flags<typeof demoFlags>): string[] {
  const passed = (['precision', 'device', 'threads', 'kernels'] as const).flatMap((name) => {
    const value = flags.text(name);
    return value === undefined ? [] : [`--${name}`, value];
  });
  return [...passed, ...(flags.on('overwrite') ? ['--overwrite'] : [])];
}
