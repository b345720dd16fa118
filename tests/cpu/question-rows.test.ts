/** Questions about documents as the worker keeps them, and their rows: the same as those of `graft passages`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeEach, expect, test } from 'vitest';
import { DEFAULT_TEMPLATE } from '../../src/retrieval/passages-template.ts';
import { DEFAULT_QUESTION, DEFAULT_QUESTION_ANSWER } from '../../src/retrieval/question-templates.ts';
import type { DocumentQuestion, QuestionRowChoice } from '../../src/worker/api.ts';
import { DocumentLibrary } from '../../src/worker/documents/library.ts';
import { QuestionLibrary } from '../../src/worker/documents/questions.ts';
import { unstopped } from '../../src/worker/stopping.ts';
import { DEVICE_HERE, graftHere, temporaryFolder } from '../engine/graft-command.ts';
import { SPRIG } from '../engine/sprig.ts';
import { graftError } from '../unit/expect-graft-error.ts';
import { memoryDocuments } from '../unit/worker/document-store.ts';
import { openSprig } from '../unit/worker/open-sprig.ts';

const PROJECT = 'garden';
const NOTES = fileURLToPath(new URL('../../public/samples/notes/documents.zip', import.meta.url));
const at = temporaryFolder();
const silent = (): undefined => undefined;

let documents: DocumentLibrary;
let questions: QuestionLibrary;
let stored: readonly DocumentQuestion[];
beforeEach(async () => {
  const never = (): Promise<never> => Promise.reject(new Error('A search by words needs no encoder'));
  documents = new DocumentLibrary({
    store: memoryDocuments(PROJECT),
    counter: async () => ({ id: 'sprig', tokenizer: (await openSprig()).tokenizer }),
    ...{ encoderFacts: never, openEncoder: never, readPdf: never },
    isKept: async () => false,
    inTurn: (work) => work(),
  });
  const zip = new File([new Uint8Array(readFileSync(NOTES))], 'documents.zip');
  await documents.add(PROJECT, [{ path: 'documents.zip', file: zip }], {
    ...{ onProgress: silent, signal: unstopped() },
  });
  stored = [];
  questions = new QuestionLibrary(
    {
      read: async () => stored,
      change: async (project, change) => (project === PROJECT ? (stored = change(stored)) : undefined),
    },
    documents,
  );
});

const approveAll = async (): Promise<void> => {
  for (const { id, question, answer, quote, file } of stored)
    await questions.approve(
      PROJECT,
      { question, answer, quote: quote?.text ?? '', ...(file && { file }) },
      id,
    );
};

test.each([
  [{ distractors: 'ranking', withoutAnswer: 'refusal', without: 0.2, seed: 1, top: 3 }],
  [{ distractors: 'random', withoutAnswer: 'answer', without: 0.5, seed: 7, top: 4 }],
] as const)('makes the rows that graft passages makes: %j', async (choice) => {
  const answerable = 40;
  await questions.fromTemplates(PROJECT, {
    ...{ perDocument: 1, question: DEFAULT_QUESTION, answer: DEFAULT_QUESTION_ANSWER },
  });
  await approveAll();
  // The documents do not answer this one.
  await questions.approve(PROJECT, { question: 'Who lent the ladder?', answer: '', quote: '' });
  const asked: QuestionRowChoice = { ...choice, method: 'bm25', template: DEFAULT_TEMPLATE };
  const made = await questions.rows(PROJECT, asked);
  expect(made.leftOut).toEqual([]);
  const lacking = Math.round(answerable * choice.without);
  expect(made.counts).toMatchObject({
    ...{ rows: answerable + 1, unanswerable: 1 },
    ...{ withPassage: answerable - lacking, withoutPassage: lacking },
  });

  writeFileSync(at('questions.jsonl'), await questions.lines(PROJECT));
  const index = ['--documents', NOTES, '--out', at('index'), '--overwrite'];
  const indexed = await graftHere(['index', '--model', SPRIG, '--words-only', ...index]);
  expect(indexed.code, indexed.err).toBe(0);
  const { code, err } = await graftHere([
    ...['passages', '--index', at('index'), '--method', 'bm25', '--top', `${choice.top}`],
    ...['--questions', at('questions.jsonl'), '--out', at('rows.jsonl'), '--overwrite'],
    ...['--without-passage', `${choice.without}`, '--seed', `${choice.seed}`],
    ...['--distractors', choice.distractors, '--without-answer', choice.withoutAnswer],
  ]);
  expect(code, err).toBe(0);
  expect(err).not.toContain('not approved');
  expect(made.lines).toBe(readFileSync(at('rows.jsonl'), 'utf8'));
});

test('keeps each draft before the next is asked for, so that a stop loses none', async () => {
  const stop = new AbortController();
  const heard: string[] = [];
  let asked = 0;
  const { drafted, stopped } = await questions.draft(
    PROJECT,
    { files: ['snail.txt', 'rose.txt'], perDocument: 2 },
    {
      by: 'a model',
      ask: async (conversations) => {
        if (++asked === 4) stop.abort();
        return conversations.map((turns) =>
          turns.at(-1)!.content.startsWith('Write a question') ? `Which rose is ${asked}?` : 'in winter',
        );
      },
    },
    { onProgress: silent, onDraft: ({ question }) => heard.push(question), signal: stop.signal },
  );
  expect([drafted, stopped]).toEqual([2, true]);
  expect(heard).toEqual(['Which rose is 1?', 'Which rose is 3?']);
  // Each question of the only passage is about a sentence of its own.
  const about = { file: 'rose.txt', passage: 'rose.txt#0', by: 'a model', state: 'draft' };
  const [first, second] = ['The rose needs a lot of space.', 'The rose is at its best in winter.'];
  expect(stored).toMatchObject([
    { ...about, answer: first, quote: { text: first } },
    { ...about, answer: 'in winter', quote: { text: second } },
  ]);
});

test('approves only what stands in the document, says who wrote it, and numbers its passage', async () => {
  const { text } = await documents.text(PROJECT, 'rose.txt');
  const written = { question: 'When is the rose at its best?', answer: 'Then.', file: 'rose.txt' };
  const quote = text.trim().split(' ').slice(0, 5).join(' ');
  await graftError(() => questions.approve(PROJECT, { ...written, quote: 'not in there' }), 'question-quote');
  await graftError(() => questions.approve(PROJECT, { ...written, quote, question: ' ' }), 'question-empty');
  await graftError(() => questions.approve(PROJECT, { ...written, quote, answer: '' }), 'question-empty');
  await graftError(
    () => questions.approve(PROJECT, { ...written, quote, file: 'none.txt' }),
    'document-missing',
  );
  const byHand = await questions.approve(PROJECT, { ...written, quote: quote.toUpperCase() });
  expect(byHand).toMatchObject({
    by: 'by hand',
    passage: 'rose.txt#0',
    state: 'approved',
    quote: { text: quote },
  });

  stored = [{ ...byHand, by: 'a model', state: 'draft' }];
  expect((await questions.approve(PROJECT, { ...written, quote }, byHand.id)).by).toBe('a model');
  const changed = await questions.approve(PROJECT, { ...written, quote, answer: 'In winter.' }, byHand.id);
  expect(changed.by).toBe('a model, edited');
  expect(JSON.parse(await questions.lines(PROJECT))).toMatchObject({
    ...{ answer: 'In winter.', made: 'a model, edited', approved: true, passage: 'rose.txt#0' },
    passages: [{ doc: 'rose.txt', text: quote }],
  });

  await questions.move(PROJECT, [byHand.id], 'skipped');
  await graftError(
    () =>
      questions.rows(PROJECT, {
        ...{ method: 'bm25', top: 2, without: 0, withoutAnswer: 'refusal', distractors: 'ranking', seed: 1 },
        template: DEFAULT_TEMPLATE,
      }),
    'passage-rows',
  );
  await questions.drop(PROJECT, [byHand.id]);
  expect(stored).toEqual([]);
  await graftError(() => questions.approve('other', { ...written, quote }), 'project-missing');
});

test('graft questions names what a model does not write, and writes no question that nobody could check', async () => {
  const { code, err, out } = await graftHere([
    ...['questions', '--model', SPRIG, '--documents', NOTES, '--file', 'r*.txt', '--per-document', '1'],
    ...['--max-new-tokens', '8', '--out', at('drafts.jsonl'), '--json', ...DEVICE_HERE],
  ]);
  // Sprig writes in no other form than that of its own answers.
  expect(code, err).toBe(1);
  expect(err).toMatch(/left out: the model wrote no question\./);
  expect(readFileSync(at('drafts.jsonl'), 'utf8')).toBe('');
  expect(JSON.parse(out)).toMatchObject({
    questions: 0,
    left_out: { 'the model wrote no question': expect.any(Number) as number },
  });
});
