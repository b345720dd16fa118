/**
 * What the second ranking by a language model changes: recall and MRR with and without it at several depths, with the interval of a paired bootstrap
 * over questions. The likelihoods are kept in a file, the best chunks first, so a second call continues, and a call that was stopped has the depths
 * that are complete.
 *
 *   node --import tsx --loader ./bin/wgsl-loader.mjs bench/rerank.ts INDEX ENCODER|bm25 LM QUESTIONS KEPT [deepest] [threads]
 */
import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { openProcessor } from '../src/cli/cpu.ts';
import { modelOf } from '../src/cli/files.ts';
import { questionLikelihoods } from '../src/evaluate/question-likelihood.ts';
import { LanguageModel } from '../src/model/language-model.ts';
import { rerank } from '../src/retrieval/rerank.ts';
import { loadTokenizer } from '../src/text/tokenizer.ts';
import { printChanges, readLines } from './changes.ts';

const DEPTHS = [5, 10, 20];
/** Chunks whose likelihoods are kept together. */
const TOGETHER = 16;

const [index, encoder, lm, questionFile, kept, deepest = '20', threads = '2'] = process.argv.slice(2);
if (!kept) throw new Error('Give INDEX ENCODER|bm25 LM QUESTIONS KEPT');
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

const by = encoder === 'bm25' ? ['--method', 'bm25'] : ['--model', encoder];
const { status, stdout } = spawnSync(
  process.execPath,
  [
    ...['bin/graft.mjs', 'search', '--index', index, ...by, '--queries', questionFile],
    ...['--top', '20', '--json', '--relevant', '--device', 'cpu', '--threads', threads],
  ],
  { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 1 << 28 },
);
if (status !== 0) throw new Error(`graft search ended with ${status}`);
const found = stdout
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Found)
  .filter(({ relevant }) => relevant);
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

/** The chunks that lack a likelihood, those of the best ranks first, each with its questions. */
const wanted = new Map<string, { text: string; questions: (string | number)[] }>();
for (let rank = 0; rank < Math.max(...depths); rank++)
  for (const { id, hits } of found) {
    const hit = hits[rank];
    if (!hit || known.has(keyOf(hit.id, id))) continue;
    const own = wanted.get(hit.id) ?? { text: hit.text, questions: [] };
    wanted.set(hit.id, own);
    own.questions.push(id);
  }

if (wanted.size > 0) {
  const device = await openProcessor({ threads: Number(threads) });
  const files = await modelOf(lm);
  const model = await LanguageModel.load(device, files, { precision: 'f32' });
  const tokenizer = await loadTokenizer(files);
  const chunks = [...wanted];
  for (let start = 0; start < chunks.length; start += TOGETHER) {
    const group = chunks.slice(start, start + TOGETHER);
    const asked = [...new Set(group.flatMap(([, { questions }]) => questions))].map((question) => ({
      question,
      own: group.filter(([, { questions }]) => questions.includes(question)),
    }));
    const { user: before } = process.cpuUsage();
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
    console.error(
      `${start + group.length} of ${chunks.length} chunks; these took ${((process.cpuUsage().user - before) / 1e6).toFixed(1)} s of the processor`,
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
const plain = found.map((one) =>
  judged(
    one.hits.map(({ id }) => id),
    one,
  ),
);
for (const depth of depths) {
  const again = found.map((one) => {
    const likelihoods = one.hits.slice(0, depth).map((hit) => known.get(keyOf(hit.id, one.id))!);
    return judged(
      rerank(one.hits, likelihoods).map(({ id }) => id),
      one,
    );
  });
  printChanges(`The best ${depth} ranked again`, plain, again);
}
