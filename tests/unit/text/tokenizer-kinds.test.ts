/** Small tokenizers of the kinds that families have, which every clone has, against transformers' numbers. */
import { describe, expect, it } from 'vitest';
import { loadTokenizer, type Tokenizer } from '../../../src/text/tokenizer.ts';
import { readJsonOf, referenceFolder } from '../../engine/reference-file.ts';
import { expectChats, expectStreams, expectTexts, type TokenizerReference } from './reference.ts';

describe.each(['gpt2', 'qwen', 'llama3', 'gpt-4o', 'deepseek', 'llama2', 'gemma'])(
  'a tokenizer of the kind of %s',
  (kind) => {
    const load = async (): Promise<[Tokenizer, TokenizerReference]> => {
      const files = referenceFolder('tokenizers', kind);
      return [await loadTokenizer(files), await readJsonOf<TokenizerReference>(files, 'reference.json')];
    };

    it('encodes and decodes as transformers does', async () => {
      expectTexts(...(await load()));
    });

    it('streams what it decodes', async () => {
      expectStreams(...(await load()));
    });

    it('renders chats as transformers does', async () => {
      const [tokenizer, reference] = await load();
      expect(reference.chats).toHaveLength(3);
      expectChats(tokenizer, reference);
    });
  },
);
