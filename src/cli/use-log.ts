/** `graft log`: what a log of `graft serve --log` says about real use, next to the training rows; and rows of what went wrong. */
import { ExampleReader } from '../data/formats.ts';
import { questionsOf } from '../data/questions.ts';
import { median } from '../averages.ts';
import { GraftError } from '../errors.ts';
import { driftOf, type Drift } from '../evaluate/drift.ts';
import { isObject, type JsonObject } from '../json.ts';
import { percent, plural } from '../numbers.ts';
import { readWhole, writeWhole } from './files.ts';
import { Flags, type FlagSpecs } from './flags.ts';
import { readRows } from './json-lines.ts';
import { checkOutput } from './output-path.ts';
import type { Output } from './output.ts';

export const useLogFlags = {
  file: { value: 'FILE', help: 'the log that graft serve --log wrote' },
  data: {
    value: 'FILE',
    help: 'the training rows, to compare questions and lengths with; of a format that is recognised',
  },
  out: {
    value: 'FILE',
    help: 'write the questions whose answers went wrong as rows without an answer, to be corrected',
  },
  json: { help: 'the report as JSON on standard output' },
  help: { help: 'show this text' },
} as const satisfies FlagSpecs;

interface Used {
  readonly model: string;
  readonly prompt: string;
  readonly asked: JsonObject;
  readonly answer: string;
  readonly finish: string;
}

/** Why an answer went wrong, as far as its text says. */
type Wrong = 'empty' | 'cut' | 'refusal' | 'repeats';

/** Beginnings of answers that refuse, in English. */
const REFUSAL =
  /^\W*(?:i(?:['’]m| am) (?:sorry|unable|not able)|sorry\b|i (?:can['’]?t|cannot|could not|won['’]?t|do(?:n['’]t| not) know)|as an ai\b)/i;
/** Words in a row that come this often. */
const REPEATED = /(?:^|\s)(\S+(?:\s+\S+){0,5})(?:\s+\1){3}(?:\s|$)/u;

export async function useLogCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = new Flags(useLogFlags, args);
  const [path, data, out] = [flags.required('file'), flags.text('data'), flags.text('out')];
  if (out !== undefined)
    checkOutput('--out', out, [
      { what: 'the log', path },
      { what: 'the rows', path: data },
    ]);
  const used = await readRows<Used>(path, { code: 'use-log', remedy: REMEDY, read: readUsed });
  if (used.length === 0) throw new GraftError('use-log', `${path} has no answers yet.`, REMEDY);
  const trained = data === undefined ? undefined : await questionsIn(data);
  const wrong = used.map((one) => ({ one, why: wrongOf(one) }));
  const lengths = (texts: readonly string[]): number => median(texts.map((text) => text.length));
  const count = (kind: Wrong): number => wrong.filter(({ why }) => why === kind).length;
  const drift =
    trained &&
    driftOf(
      used.map(({ prompt }) => prompt),
      trained.map(({ prompt }) => prompt),
    );
  const report = {
    answers: used.length,
    models: Object.fromEntries(
      [...new Set(used.map(({ model }) => model))].map((name) => [
        name,
        used.filter(({ model }) => model === name).length,
      ]),
    ),
    median_characters: {
      questions: lengths(used.map(({ prompt }) => prompt)),
      answers: lengths(used.map(({ answer }) => answer)),
      ...(trained && {
        training_questions: lengths(trained.map(({ prompt }) => prompt)),
        training_answers: lengths(trained.map(({ expected }) => expected)),
      }),
    },
    wrong: { empty: count('empty'), cut: count('cut'), refusal: count('refusal'), repeats: count('repeats') },
    ...(drift && { drift }),
  };
  if (flags.on('json')) output.result(`${JSON.stringify(report, null, 2)}\n`);
  for (const line of sentences(report)) output.line(line);
  if (out === undefined) return;
  const rows = wrong
    .filter(({ why }) => why !== undefined)
    .map(({ one, why }) => ({ ...one.asked, completion: '', why, said: one.answer }));
  await writeWhole(out, new TextEncoder().encode(rows.map((row) => `${JSON.stringify(row)}\n`).join('')));
  output.line(
    `Wrote ${plural(rows.length, 'question')} to ${out}. Fill in each completion to train on them.`,
  );
}

const REMEDY = 'Give a file that graft serve --log wrote.';

function readUsed(row: JsonObject, fault: (what: string) => GraftError): Used {
  const { model, messages, prompt, answer, finish_reason: finish } = row;
  if (typeof model !== 'string' || typeof answer !== 'string' || typeof finish !== 'string')
    throw fault('is not an answer of a log');
  if (typeof prompt === 'string') return { model, prompt, asked: { prompt }, answer, finish };
  const last = Array.isArray(messages) ? (messages as unknown[]).at(-1) : undefined;
  if (isObject(last) && typeof last['content'] === 'string')
    return { model, prompt: last['content'], asked: { prompt: messages }, answer, finish };
  // Token ids say nothing to a reader.
  if (Array.isArray(prompt)) return { model, prompt: '', asked: { prompt }, answer, finish };
  throw fault('has no question');
}

function wrongOf({ answer, finish }: Used): Wrong | undefined {
  if (answer.trim() === '') return 'empty';
  if (REFUSAL.test(answer)) return 'refusal';
  if (REPEATED.test(answer)) return 'repeats';
  return finish === 'length' ? 'cut' : undefined;
}

async function questionsIn(path: string): Promise<{ prompt: string; expected: string }[]> {
  const reader = new ExampleReader(await readWhole(path), { fileName: path });
  for (const _ of reader.read());
  const questions = questionsOf(reader.result().examples, true);
  if (questions.length > 0) return questions;
  throw new GraftError(
    'data-rows',
    `${path} has no rows with questions and answers.`,
    'Give the rows that the model was trained on, in a format that is recognised.',
  );
}

interface Report {
  readonly answers: number;
  readonly median_characters: Readonly<Record<'questions' | 'answers', number>> &
    Partial<Readonly<Record<'training_questions' | 'training_answers', number>>>;
  readonly wrong: Readonly<Record<Wrong, number>>;
  readonly drift?: Drift;
}

function sentences({ answers, median_characters: length, wrong, drift }: Report): string[] {
  const than = (training: number | undefined): string =>
    training === undefined ? '' : ` (${training} in training)`;
  const share = (count: number): string => `${count} (${percent(count / answers)})`;
  return [
    `${plural(answers, 'answer')}. Median lengths in characters: questions ${length.questions}${than(length.training_questions)}, answers ${length.answers}${than(length.training_answers)}.`,
    `Empty ${share(wrong.empty)}, cut at the limit ${share(wrong.cut)}, refused ${share(wrong.refusal)}, repeating ${share(wrong.repeats)}.`,
    ...(drift
      ? [
          drift.distance > drift.byChance
            ? `Questions have moved from the training rows: distance of words ${drift.distance.toFixed(3)}, by chance at most ${drift.byChance.toFixed(3)}. More frequent now: ${drift.words.join(', ')}.`
            : `Questions are like the training rows: distance of words ${drift.distance.toFixed(3)}, by chance at most ${drift.byChance.toFixed(3)}.`,
        ]
      : []),
  ];
}
