/**
 * Questions that a real model drafts from chunks of documents: a JSON line for each chunk, with all that the model wrote and what the drafting took of
 * it, for a person to count. CHUNKS is JSON Lines with a "doc" or "file", a "start" and a "text", such as chunks.jsonl of an index.
 *
 *   node --import tsx --loader ./bin/wgsl-loader.mjs bench/drafts.ts CHUNKS LM OUT [count] [temperature] [threads]
 */
import { appendFileSync, writeFileSync } from 'node:fs';
import { openProcessor } from '../src/cli/cpu.ts';
import { modelOf } from '../src/cli/files.ts';
import { answer, promptOfConversation } from '../src/evaluate/answer.ts';
import { Generator } from '../src/model/generator.ts';
import { LanguageModel } from '../src/model/language-model.ts';
import { greedy } from '../src/model/sampling.ts';
import { draftQuestions, placesToAsk } from '../src/retrieval/draft-questions.ts';
import { loadTokenizer } from '../src/text/tokenizer.ts';
import { readLines } from './changes.ts';

const SEED = 1;
/** Those of the page. */
const NEW_TOKENS = 96;
/** Tokens of a prompt: a sentence after its examples, in the tokens of any model. */
const PROMPT_TOKENS = 640;

const [chunkFile, lm, out, count = '20', temperature = '0', threads = '2'] = process.argv.slice(2);
if (!out) throw new Error('Give CHUNKS LM OUT');

interface Chunk {
  readonly id: string;
  readonly start: number;
  readonly text: string;
}
const all = readLines<Chunk>(chunkFile);
const chunks = placesToAsk(all.length, Number(count)).map((at) => all[at]);

const device = await openProcessor({ threads: Number(threads) });
const files = await modelOf(lm);
const model = await LanguageModel.load(device, files, { precision: 'f32' });
const tokenizer = await loadTokenizer(files);
const generator = new Generator(model, 1, PROMPT_TOKENS + NEW_TOKENS);
writeFileSync(out, '');
let asked = 0;
for (const chunk of chunks) {
  const replies: string[] = [];
  const [draft] = await draftQuestions([chunk], async (conversations) => {
    const texts: string[] = [];
    for (const messages of conversations) {
      const sampling = { ...greedy, temperature: Number(temperature) };
      const [{ text }] = await answer(
        generator,
        tokenizer,
        [promptOfConversation(tokenizer, messages, '\n')],
        {
          ...{ maxNewTokens: NEW_TOKENS, sampling, seed: SEED + asked++ },
        },
      );
      texts.push(text);
    }
    replies.push(...texts);
    return texts;
  });
  appendFileSync(out, `${JSON.stringify({ id: chunk.id, text: chunk.text, replies, draft })}\n`);
}
generator.destroy();
await model.destroy();
device.close();
