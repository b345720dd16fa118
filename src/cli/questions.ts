/** `graft questions`: documents and a language model → questions with answers and quotes, drafted for a person to look at. */
import { basename } from 'node:path';
import { GraftError } from '../errors.ts';
import { answer, promptOfConversation } from '../evaluate/answer.ts';
import { sequencesAtOnce } from '../model/generation.ts';
import { Generator } from '../model/generator.ts';
import { positionsOf } from '../model/virtual-tokens.ts';
import { plural } from '../numbers.ts';
import { CHUNK_DEFAULTS } from '../retrieval/chunks.ts';
import { draftQuestions, passagesToAsk, PER_DOCUMENT, type AskModel } from '../retrieval/draft-questions.ts';
import { filePattern } from '../retrieval/file-pattern.ts';
import { questionLine } from '../retrieval/question-lines.ts';
import { EXIT } from './exit.ts';
import { writeWhole } from './files.ts';
import { Flags, type FlagSpecs } from './flags.ts';
import { readIndex, type ChunkEntry } from './index-folder.ts';
import { documentChunks } from './index-sources.ts';
import { checkFile, checkOutput } from './output-path.ts';
import type { Output } from './output.ts';
import { readSampling, samplingFlags } from './sampling-flags.ts';
import { modelFlags, openAsked, openSession } from './session.ts';

export const questionFlags = {
  model: modelFlags.model,
  adapter: { value: 'DIR', help: 'a PEFT adapter folder of the model' },
  documents: { value: 'DIR', help: 'a folder of documents, or a zip of one' },
  index: { value: 'DIR', help: 'the folder of an index that graft index made, instead of documents' },
  file: {
    value: 'PATTERN',
    help: 'only these documents: a path, a folder, or a pattern such as "notes/*.md"',
  },
  'per-document': { value: 'N', help: `questions of each document (default: ${PER_DOCUMENT})` },
  out: { value: 'FILE', help: 'where to write the questions, as JSONL for graft passages' },
  overwrite: { help: 'replace the file that is at --out' },
  'max-new-tokens': {
    value: 'N',
    help: 'tokens of a question, a quote and an answer at most (default: 128)',
  },
  temperature: samplingFlags.temperature,
  seed: samplingFlags.seed,
  precision: modelFlags.precision,
  'base-weights': modelFlags['base-weights'],
  'embedding-weights': modelFlags['embedding-weights'],
  device: modelFlags.device,
  threads: modelFlags.threads,
  kernels: modelFlags.kernels,
  json: { help: 'print a report as JSON: questions, passages that were asked, and why drafts were left out' },
  help: modelFlags.help,
} as const satisfies FlagSpecs;

type QuestionFlags = Flags<typeof questionFlags>;

/** @throws GraftError `arguments`, `draft-questions`, `index-…`, `file-…`, and those of `openSession` */
export async function questionsCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = new Flags(questionFlags, args);
  const [out, documents, index] = [flags.required('out'), flags.text('documents'), flags.text('index')];
  if ((documents === undefined) === (index === undefined))
    throw new GraftError('arguments', 'One of --documents and --index is needed, and not both.', '');
  const perDocument = flags.integer('per-document', 1) ?? PER_DOCUMENT;
  const settings = readSampling(new Flags(samplingFlags, samplingWords(flags)));
  checkOutput('--out', out, [
    { what: 'the model', path: flags.required('model') },
    { what: 'the documents', path: documents },
    { what: 'the index', path: index },
  ]);
  checkFile('--out', out, flags.on('overwrite'));

  const { model, files } = await openSession(flags, output);
  const { adapter, tokenizer } = await openAsked(flags.text('adapter'), { model, files });
  const chunks =
    index === undefined
      ? (
          await documentChunks(
            documents!,
            { chunking: { ...CHUNK_DEFAULTS, by: 'sentences' }, before: undefined, tokenizer },
            output,
          )
        ).chunks
      : (await readIndex(index, { vectors: false })).chunks;
  const passages = passagesToAsk(chosen(chunks, flags.text('file')), perDocument);

  const { maxPositions } = model.definition.shape;
  const ask: AskModel = async (conversations) => {
    const ids = conversations.map((messages) => promptOfConversation(tokenizer, messages, '\n'));
    const longest = ids.reduce((max, { length }) => Math.max(max, length), 0);
    const length = Math.min(maxPositions, positionsOf(longest + settings.maxNewTokens + 1, adapter));
    const generator = new Generator(model, sequencesAtOnce(model, ids.length, length), length);
    let done = 0;
    const answers = await answer(generator, tokenizer, ids, {
      ...settings,
      adapter,
      onAnswer: () => output.progress(`Wrote ${++done} of ${plural(ids.length, 'text')}`),
    });
    return answers.map(({ text }) => text);
  };
  const drafts = await draftQuestions(passages, ask);

  const by = basename(files.name);
  const why = new Map<string, number>();
  const leave = (reason: string): [] => {
    why.set(reason, (why.get(reason) ?? 0) + 1);
    return [];
  };
  const seen = new Set<string>();
  const lines = drafts.flatMap((draft, at) => {
    if ('problem' in draft) return leave(draft.problem);
    const { file, id: passage } = passages[at];
    const key = `${file}\n${draft.question}`;
    if (seen.has(key)) return leave('the document has the question already');
    seen.add(key);
    const { question, answer: text, quote } = draft;
    const id = `${passage}?${[...seen].length}`;
    return [questionLine({ id, question, answer: text, quote, file, passage, by, approved: false })];
  });
  await writeWhole(out, new TextEncoder().encode(lines.join('')));
  output.line(
    `Wrote ${plural(lines.length, 'question')} to ${out}, drafted from ${plural(passages.length, 'passage')} by ${by}. No person has approved them: look at each before you train on it.`,
  );
  for (const [reason, count] of why) output.line(`${plural(count, 'draft')} left out: ${reason}.`);
  if (flags.on('json'))
    output.result(
      `${JSON.stringify({ questions: lines.length, passages: passages.length, left_out: Object.fromEntries(why) })}\n`,
    );
  if (lines.length === 0) process.exitCode = EXIT.couldNot;
}

function samplingWords(flags: QuestionFlags): string[] {
  return (['max-new-tokens', 'temperature', 'seed'] as const).flatMap((name) => {
    const value = flags.text(name);
    return value === undefined ? [] : [`--${name}=${value}`];
  });
}

/** @throws GraftError `search-file` */
function chosen(chunks: readonly ChunkEntry[], pattern: string | undefined): readonly ChunkEntry[] {
  if (pattern === undefined) return chunks;
  const fits = filePattern(pattern);
  const found = chunks.filter(({ file }) => fits(file));
  if (found.length > 0) return found;
  throw new GraftError(
    'search-file',
    `No document fits --file ${pattern}.`,
    'Give a path, a folder, or a pattern with *.',
  );
}
