/** Passages as a method, what answers are to documents, and the 2 × 2 of documents and weights. */
import { describe, expect, test } from 'vitest';
import type { Question } from '../../../src/data/questions.ts';
import { squaresOf } from '../../../src/evaluate/documents-weights.ts';
import { groundingNumbers, groundingOf } from '../../../src/evaluate/grounding.ts';
import type { EvalModel, EvalRequest, PassagePort } from '../../../src/evaluate/methods/method.ts';
import { retrieval } from '../../../src/evaluate/methods/retrieval.ts';
import { recordOf, type Evaluation, type Evidence, type Subject } from '../../../src/evaluate/record.ts';
import { evaluationFile, readEvaluation } from '../../../src/evaluate/record-file.ts';
import { reportPage } from '../../../src/evaluate/report-page.ts';
import { sideOf } from '../../../src/evaluate/sides.ts';
import { fitPassages, PassagesTemplate, type PassageSource } from '../../../src/retrieval/passages-prompt.ts';
import { REFUSAL } from '../../../src/retrieval/passages-template.ts';
import { USUAL_SCORERS, USUAL_TEXT_SCORERS } from '../../../src/scorers/lists.ts';
import { answerScores } from '../../../src/scorers/scores.ts';
import { graftError } from '../expect-graft-error.ts';

const SOURCES: PassageSource[] = [
  { id: 'a#0', file: 'a.md', page: null, start: 0, end: 17, text: 'Peas climb a net.' },
  { id: 'b#0', file: 'b.pdf', page: 2, start: 5, end: 23, text: 'Beans need warmth.' },
];
const template = new PassagesTemplate(
  '{% for p in passages %}[{{ p.number }}] {{ p.text }}\n{% endfor %}{{ question }}',
);
const port: PassagePort = {
  about: { index: 'garden', search: 'bm25', top: 2 },
  find: (questions) => Promise.resolve(questions.map(() => SOURCES)),
  fit: (question, found, window) => fitPassages(template, question, found, window),
  recall: (_, sources) => (sources.length > 1 ? 1 : 0.5),
};
const textOf = ({ ask }: Question): string => (typeof ask === 'string' ? ask : (ask.at(-1)?.content ?? ''));

/** A model that answers with its prompt, and counts words as tokens. */
const echo = (maxPositions: number): EvalModel => ({
  ...{ name: 'echo', chat: true, maxPositions, newTokens: 4 },
  tokensOf: (question) => textOf(question).match(/\S+/g)?.length ?? 0,
  answer: (questions) => Promise.resolve(questions.map((question) => ({ text: textOf(question) }))),
  loss: () => Promise.resolve(undefined),
  lossWith: () => Promise.resolve(undefined),
  likelihoods: () => Promise.resolve(undefined),
});
const request = (ask: Question['ask'], maxPositions = 100): EvalRequest => ({
  ...{ train: [], shots: 0, seed: 1, signal: new AbortController().signal, passages: port },
  asked: [{ question: { prompt: 'Why?', expected: 'So.', ask } }],
  model: echo(maxPositions),
  each: () => Promise.resolve(),
});

describe('the method', () => {
  test.each<[string, Question['ask'], string]>([
    [
      'the last turn of a conversation',
      [
        { role: 'system', content: 'Be kind.' },
        { role: 'user', content: 'Why?' },
      ],
      'Why?',
    ],
    ['a text, with what stands behind it', 'Why?\n', 'Why?\n'],
  ])('puts passages before %s', async (_, ask, end) => {
    const answered = await retrieval.answer(request(ask));
    expect(answered?.answers[0]).toMatchObject({
      text: `[1] Peas climb a net.\n[2] Beans need warmth.\n${end}`,
      passages: SOURCES.map(({ text }) => text),
      sources: [
        { id: 'a#0', file: 'a.md', start: 0, end: 17 },
        { id: 'b#0', file: 'b.pdf', page: 2, start: 5, end: 23 },
      ],
      ...{ promptTokens: 10, passageTokens: 9, recall: 1 },
    });
    expect(answered?.detail?.passages).toMatchObject({
      index: 'garden',
      search: 'bm25',
      top: 2,
      window: 100,
    });
  });

  test('leaves out passages that do not fit, whose recall does not count', async () => {
    const answered = await retrieval.answer(request('Why?', 11));
    expect(answered?.answers[0]).toMatchObject({
      text: '[1] Peas climb a net.\nWhy?',
      ...{ leftOut: 1, recall: 0.5 },
    });
  });

  test('refuses a question that does not fit into the template', async () => {
    await graftError(() => retrieval.answer(request('Why?', 4)), 'evaluate-passages');
  });

  test('is left out without an index', async () => {
    expect(await retrieval.answer({ ...request('Why?'), passages: undefined })).toBeUndefined();
  });
});

const EXPECTED = ['a net', 'warm soil', REFUSAL, 'in May'];

/** @param columns each a method with its answers */
function evaluation(
  columns: readonly (Pick<Subject, 'method'> &
    Partial<Subject> & { answers: readonly Partial<Evidence>[] })[],
): Evaluation {
  return recordOf(
    { time: 1e12, model: { name: 'm', bundled: false }, draw: { seed: 1, of: 4, tooLong: 0 } },
    EXPECTED.map((expected, row) => ({ row, prompt: `Ask ${row}`, expected })),
    columns.map(({ answers, method, ...subject }) => ({
      subject: { method, label: method, answerSeconds: 2, ...subject },
      answers: answers.map((answer) => ({ text: '', tokens: 2, ...answer })),
      scores: Object.fromEntries(
        USUAL_TEXT_SCORERS.map((one) => [
          one.name,
          answerScores(
            one,
            answers.map(({ text = '' }, at) => ({ answer: text, expected: EXPECTED[at] })),
          ),
        ]),
      ),
    })),
    USUAL_TEXT_SCORERS.map(({ name }) => ({ name })),
  );
}

const said = (...texts: string[]): { text: string }[] => texts.map((text) => ({ text }));
const read = (...texts: string[]): Partial<Evidence>[] =>
  texts.map((text, at) => ({
    ...{ text, passages: ['Peas climb a net.'], recall: at % 2, promptTokens: 40, passageTokens: 20 },
    sources: [{ id: 'a#0', file: 'a.md', start: 0, end: 17 }],
  }));
const PASSAGES = {
  ...{ index: 'garden', search: 'bm25', top: 1, reranked: 20, rerankedBy: 'large' },
  ...{ window: 200, searchSeconds: 0.1 },
};
const base = { method: 'base', answers: said('peas', REFUSAL, 'no', 'May') };
const documents = {
  method: 'retrieval',
  detail: { passages: PASSAGES },
  answers: read('a net', 'Under “glass in a house” [1]', REFUSAL, REFUSAL),
};

describe('answers and documents', () => {
  test('are counted: passages found, answers from them, wrong refusals and wrong answers, and what they cost', () => {
    const record = evaluation([base, documents]);
    expect(groundingNumbers(groundingOf(sideOf(record, 1))!)).toMatchObject({
      ...{ recall: 0.5, recall_rows: 4 },
      from_passages: { count: 1, of: 2 },
      wrongly_refused: { count: 1, of: 3 },
      wrongly_answered: { count: 0, of: 1 },
      ...{ prompt_tokens: 40, answer_tokens: 2, seconds_per_answer: 0.5, window_share: 0.1 },
    });
    const alone = groundingOf(sideOf(record, 0))!;
    expect(alone).toMatchObject({ wronglyRefused: { count: 1, total: 3 }, wronglyAnswered: { count: 1 } });
    expect(alone.recall ?? alone.fromPassages ?? alone.windowShare).toBeUndefined();
  });

  test('are not counted in a record without passages', () => {
    expect(groundingOf(sideOf(evaluation([base]), 0))).toBeUndefined();
  });

  test('are the same of a record that was written and read', () => {
    const record = evaluation([base, documents]);
    expect(readEvaluation(evaluationFile(record), 'x')).toEqual(record);
  });
});

describe('the 2 × 2', () => {
  const tuned = { method: 'adapter', label: 'out/a', answers: said('in', 'a', 'b', 'c') };
  const both = { ...documents, method: 'adapter-retrieval', label: 'out/a', answers: read(...EXPECTED) };

  test('says in one sentence which is better, by how much, and whether that may be chance', () => {
    const [{ cells, sentence, differences, metric }] = squaresOf(evaluation([base, documents, tuned, both]));
    expect(metric.name).toBe('exact-match');
    expect([cells.neither, cells.documents, cells.weights, cells.both].map((one) => one?.value)).toEqual([
      ...[0, 0.5, 0, 1],
    ]);
    expect(differences[0]).toMatchObject({ of: 'documents', less: 'weights', value: 0.5 });
    expect(sentence).toMatch(
      /^On 4 rows documents and weights are even: exactly right 50 ?% and 0 ?%, \+50 ?% \(95% interval \+0 ?% to \+100 ?%\); both together have 100 ?%, \+50 ?% \(95% interval .*\) against documents, which may be chance\.$/,
    );
  });

  test('compares documents with the base model where there is no adapter', () => {
    const perfect = { ...documents, answers: read(...EXPECTED) };
    const [{ adapter, cells, sentence }] = squaresOf(evaluation([base, perfect]));
    expect(adapter).toBeUndefined();
    expect(cells.weights ?? cells.both).toBeUndefined();
    expect(sentence).toMatch(
      /^On 4 rows documents beat the base model: exactly right 100 ?% and 0 ?%, \+100 ?% \(/,
    );
  });

  test('is not drawn without passages, or of a method that stopped', () => {
    expect(squaresOf(evaluation([base, tuned]))).toEqual([]);
    expect(squaresOf(evaluation([base, { ...documents, stopped: true }]))).toEqual([]);
  });

  test('is drawn in the report, with the passages behind each answer and a note at quotes that they do not hold', () => {
    const record = evaluation([base, documents, tuned, both]);
    const page = reportPage(record, {
      ...{ metrics: USUAL_SCORERS, judged: undefined, part: 'test', command: 'graft', adapters: [] },
    });
    expect(page).toContain('aria-label="exactly right. Base model: 0%. Documents: 50%. Weights: 0%.');
    expect(page).toContain(squaresOf(record)[0].sentence);
    expect(page).toContain(
      'Up to 1 passage found by bm25 stands before each question. Before, large ranked the best 20 again, by the likelihood of the question.',
    );
    expect(page).toContain('Under “glass in a house” (not in the passages) [1]');
    expect(page).toContain('1 passage; the answer names 1');
    expect(page).toContain('[1] a.md 0–17');
  });
});
