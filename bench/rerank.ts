/**
 * What the second ranking by a language model changes: recall and MRR with and without it at several depths, with the interval of a paired bootstrap
 * over questions, and the seconds of reading a chunk. FOUND holds what `graft search --top 20 --json --relevant` printed for QUESTIONS. The likelihoods
 * are kept in a file, question by question, so a second call continues. Only questions whose chunks all have one are compared.
 *
 *   node --import tsx --loader ./bin/wgsl-loader.mjs bench/rerank.ts FOUND LM QUESTIONS KEPT [deepest] [threads] [seconds]
 */
import { appendFileSync, existsSync } from 'node:fs';
import { openProcessor } from '../src/cli/cpu.ts';
import { modelOf } from '../src/cli/files.ts';
import { questionLikelihoods } from '../src/evaluate/question-likelihood.ts';
import { LanguageModel } from '../src/model/language-model.ts';
import { rerank } from '../src/retrieval/rerank.ts';
import { loadTokenizer } from '../src/text/tokenizer.ts';
import { printChanges, readLines } from './changes.ts';

const DEPTHS = [5, 10, 20];
/** Chunks whose likelihoods are kept together. */
const TOGETHER = 8;

const [foundFile, lm, questionFile, kept, deepest = '20', threads = '2', seconds = 'Infinity'] =
  process.argv.slice(2);
if (!kept) throw new Error('Give FOUND LM QUESTIONS KEPT');
const depths = DEPTHS.filter((depth) => depth <= Number(deepest));

interface Found {
  readonly id: string | number;
  readonly hits: readonly { readonly id: string; readonly text: string }[];
  readonly relevant: readonly (readonly string[])[];
}
interface Kept {
  readonly chunk: string;
  readonly question: string | number;
  readonly likelihood: number;
}

const found = readLines<Found>(foundFile).filter(({ relevant }) => relevant);
const textOf = new Map<string | number, string>(
  readLines<{ id?: string | number; question: string }>(questionFile).map(({ id, question }, at) => [
    id ?? at + 1,
    question,
  ]),
);

const known = new Map<string, number>();
const keyOf = (chunk: string, question: string | number): string => `${chunk}\n${question}`;
if (existsSync(kept))
  for (const { chunk, question, likelihood } of readLines<Kept>(kept))
    known.set(keyOf(chunk, question), likelihood);

/** The chunks that lack a likelihood, each with all of its questions: those of the least depth first. */
const wanted = new Map<string, { text: string; questions: (string | number)[] }>();
const askers = new Map<string, (string | number)[]>();
for (const { id, hits } of found)
  for (const hit of hits.slice(0, Math.max(...depths))) {
    if (known.has(keyOf(hit.id, id))) continue;
    askers.set(hit.id, [...(askers.get(hit.id) ?? []), id]);
  }
for (const depth of depths)
  for (const { hits } of found)
    for (const { id, text } of hits.slice(0, depth)) {
      const questions = askers.get(id);
      if (questions) wanted.set(id, { text, questions });
    }

if (wanted.size > 0 && Number(seconds) > 0) {
  const device = await openProcessor({ threads: Number(threads) });
  const files = await modelOf(lm);
  const model = await LanguageModel.load(device, files, { precision: 'f32' });
  const tokenizer = await loadTokenizer(files);
  const chunks = [...wanted];
  const began = performance.now();
  let readings = 0;
  for (let start = 0; start < chunks.length; start += TOGETHER) {
    const group = chunks.slice(start, start + TOGETHER);
    const asked = [...new Set(group.flatMap(([, { questions }]) => questions))].map((question) => ({
      question,
      own: group.filter(([, { questions }]) => questions.includes(question)),
    }));
    if (performance.now() - began > 1000 * Number(seconds)) break;
    const likelihoods = await questionLikelihoods(
      { model, tokenizer },
      asked.map(({ question, own }) => ({
        question: textOf.get(question)!,
        passages: own.map(([, { text }]) => text),
      })),
    );
    const lines = asked.flatMap(({ question, own }, at) =>
      own.map(([chunk], n): Kept => ({ chunk, question, likelihood: likelihoods[at][n] })),
    );
    for (const { chunk, question, likelihood } of lines) known.set(keyOf(chunk, question), likelihood);
    appendFileSync(kept, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    readings += group.length;
    console.error(
      `${readings} of ${chunks.length} chunks read, ${((performance.now() - began) / 1000 / readings).toFixed(2)} s each`,
    );
  }
  device.close();
}

const places = new Map(
  [...new Set(found.flatMap(({ hits, relevant }) => [...hits.map(({ id }) => id), ...relevant.flat()]))].map(
    (id, at) => [id, at],
  ),
);
const judged = (ids: readonly string[], { relevant }: Found) => ({
  ranking: ids.map((id) => places.get(id)!),
  relevant: relevant.map((own) => own.map((id) => places.get(id)!)),
});
for (const depth of depths) {
  const complete = found.filter(({ id, hits }) =>
    hits.slice(0, depth).every((hit) => known.has(keyOf(hit.id, id))),
  );
  if (complete.length === 0) continue;
  const plain = complete.map((one) =>
    judged(
      one.hits.map(({ id }) => id),
      one,
    ),
  );
  const again = complete.map((one) => {
    const likelihoods = one.hits.slice(0, depth).map((hit) => known.get(keyOf(hit.id, one.id))!);
    return judged(
      rerank(one.hits, likelihoods).map(({ id }) => id),
      one,
    );
  });
  printChanges(`The best ${depth} ranked again`, plain, again);
}
