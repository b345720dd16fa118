/** New tokens of a tokenizer: the allowed texts, and their entries in the files. */
import { beforeAll, describe, expect, test } from 'vitest';
import { folder } from '../../../src/cli/files.ts';
import { grownFolder } from '../../../src/export/grown-folder.ts';
import {
  addedTexts,
  hasAdded,
  newTokens,
  tokenizerConfigWith,
  tokenizerWith,
} from '../../../src/text/added-tokens.ts';
import { loadTokenizer, type Tokenizer } from '../../../src/text/tokenizer.ts';
import { readJson } from '../../../src/weights/bytes.ts';
import { graftError } from '../expect-graft-error.ts';

const sprig = folder('public/models/sprig');

describe('new tokens', () => {
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    tokenizer = await loadTokenizer(sprig);
  });

  test('their ids follow the highest', () => {
    expect(newTokens(['<|tool|>', 'a b'], tokenizer)).toEqual({ texts: ['<|tool|>', 'a b'], first: 1024 });
  });

  test.each([
    [[''], 'is empty'],
    [['  '], 'only white space'],
    [[' matey'], 'starts or ends with white space'],
    [['a b', 'c d', 'a b'], 'is named twice'],
    [['<|im_end|>'], 'is a token of this model already, with the id 2'],
    [['x'.repeat(5000)], 'has 5000 characters'],
    [Array.from({ length: 1025 }, (_, i) => `<|${i}|>`), '1025 tokens are to be added'],
  ])('%j: %s', async (texts, what) => {
    const error = await graftError(() => newTokens(texts, tokenizer), 'add-tokens');
    expect(error.what).toContain(what);
  });

  test('each is one token wherever it occurs, and answers show it', async () => {
    const grown = await loadTokenizer(
      await grownFolder(sprig, newTokens(['<|tool|>', 'matey', 'a, b'], tokenizer)),
    );
    const text = 'Arr, <|tool|>matey! <|im_end|>a, b';
    const ids = grown.encode(text);
    expect(ids.filter((id) => id >= 1024)).toEqual([1024, 1025, 1026]);
    expect(grown.decode(ids)).toBe(text);
    expect(grown.decode(ids, { skipSpecialTokens: true })).toBe('Arr, <|tool|>matey! a, b');
    expect(grown.vocabSize).toBe(1027);
    expect(grown.eosIds).toEqual(tokenizer.eosIds);
    expect(grown.chatTemplate).toBe(tokenizer.chatTemplate);
  });

  test('the files have them', async () => {
    const files = await grownFolder(sprig, newTokens(['<|tool|>'], tokenizer), 1025);
    const texts = addedTexts(await readJson(files, 'tokenizer.json'));
    expect([...texts].at(-1)).toEqual([1024, '<|tool|>']);
    const config = await readJson(files, 'tokenizer_config.json');
    expect(config?.['added_tokens_decoder']).toMatchObject({
      '1024': { content: '<|tool|>', special: false },
    });
    expect((await readJson(files, 'config.json'))?.['vocab_size']).toBe(1025);
    expect(tokenizerConfigWith({ a: 1 }, { texts: ['x'], first: 5 })).toEqual({ a: 1 });
  });

  test("one that the base already has stays the base's", () => {
    const known = { id: 2, content: '<|im_end|>', special: true };
    const added = { texts: ['<|im_end|>'], first: 2 };
    expect(tokenizerWith({ added_tokens: [known] }, added)).toEqual({ added_tokens: [known] });
    const config = { added_tokens_decoder: { '2': known } };
    expect(tokenizerConfigWith(config, added)).toEqual(config);
  });

  test('are found in rows by their ids, wherever the vocabulary ends', () => {
    const added = { texts: ['a', 'b'], first: 10 };
    expect(hasAdded(added, [1, 11])).toBe(true);
    expect(hasAdded(added, [9, 12])).toBe(false);
    expect(hasAdded(undefined, [10])).toBe(false);
  });
});
