/** Tokens that may come next in a JSON object: their bytes, and which of a vocabulary are allowed. */
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { folder } from '../../../src/cli/files.ts';
import { isInCharacter, JSON_START, stepJson, type JsonState } from '../../../src/text/json-automaton.ts';
import { jsonTokensOf } from '../../../src/text/json-tokens.ts';
import { loadTokenizer, type Tokenizer } from '../../../src/text/tokenizer.ts';
import { memoryFiles } from '../../../src/weights/bytes.ts';
import { sprigFolder } from '../../engine/sprig.ts';
import { smallTokenizer } from '../../small-tokenizer.ts';
import { graftError } from '../expect-graft-error.ts';

const load = (name: string): Promise<Tokenizer> =>
  loadTokenizer(
    name === 'sprig'
      ? sprigFolder()
      : folder(fileURLToPath(new URL(`../../reference/tokenizers/${name}`, import.meta.url))),
  );
const idsOf = ({ vocabSize }: Tokenizer): number[] => Array.from({ length: vocabSize }, (_, id) => id);

test.each(['sprig', 'gpt2', 'qwen', 'llama2', 'gemma'])(
  'the bytes of a token are those that decoding adds, in %s',
  async (name) => {
    const tokenizer = await load(name);
    const [anchor] = tokenizer.encode('a').slice(-1);
    const before = tokenizer.decode([anchor]);
    const plain = idsOf(tokenizer).filter((id) => tokenizer.tokenOf(id) !== undefined);
    const texts = new Map(
      plain
        .filter((id) => !tokenizer.isSpecial(id))
        .map((id) => [id, tokenizer.decode([anchor, id]).slice(before.length)]),
    );
    expect(texts.size).toBeGreaterThan(100);
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    for (const [id, text] of texts) expect([id, decoder.decode(tokenizer.bytesOf!(id))]).toEqual([id, text]);
    for (const id of plain.filter((one) => tokenizer.isSpecial(one)))
      expect(tokenizer.bytesOf!(id)).toBeUndefined();
  },
);

test('the bytes of a character in several tokens are those of the character', async () => {
  for (const name of ['sprig', 'llama2']) {
    const tokenizer = await load(name);
    const ids = tokenizer.encode('🦉');
    expect(ids.length).toBeGreaterThan(1);
    const bytes = ids.flatMap((id) => [...tokenizer.bytesOf!(id)!]);
    expect(new TextDecoder().decode(Uint8Array.from(bytes)).trim()).toBe('🦉');
  }
});

function read(text: string): JsonState | undefined {
  let state: JsonState | undefined = JSON_START;
  for (const byte of new TextEncoder().encode(text)) if (state) state = stepJson(state, byte);
  return state;
}

test('allows exactly the tokens that the automaton reads, and always one', async () => {
  const tokenizer = await load('sprig');
  const tokens = jsonTokensOf(tokenizer, 'sprig');
  const object = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }));
  fc.assert(
    fc.property(object, fc.nat(), (value, cut) => {
      const text = JSON.stringify(value, null, cut % 3);
      const state = read(text.slice(0, cut % text.length));
      if (!state) return;
      const allowed = tokens.allowedAfter(state);
      let count = 0;
      for (const id of idsOf(tokenizer)) {
        let next: JsonState | undefined = tokenizer.eosIds.includes(id) ? undefined : state;
        const bytes = tokenizer.bytesOf!(id) ?? [];
        for (const byte of bytes) next = next && stepJson(next, byte);
        const isAllowed = bytes.length > 0 && next !== undefined;
        expect([id, (allowed[id >>> 5] >>> (id & 31)) & 1]).toEqual([id, Number(isAllowed)]);
        count += Number(isAllowed);
      }
      expect(count).toBeGreaterThan(0);
    }),
    { numRuns: 40 },
  );
});

test('ends with the token that completes the object, and takes no other', async () => {
  const tokenizer = await load('sprig');
  const text = jsonTokensOf(tokenizer, 'sprig').begin();
  const ids = tokenizer.encode('{"a":[1]}');
  expect(ids.map((id) => text.take(id))).toEqual(ids.map((_, at) => at === ids.length - 1));
  const [letter] = tokenizer.encode('a');
  expect(() => jsonTokensOf(tokenizer, 'sprig').begin().take(letter)).toThrow(/does not continue/);
});

/** A vocabulary of single bytes. */
function bytesTokenizer(bytes: Iterable<number>): Pick<Tokenizer, 'bytesOf' | 'eosIds' | 'vocabSize'> {
  const all = [...bytes];
  return { bytesOf: (id) => Uint8Array.of(all[id]), eosIds: [], vocabSize: all.length };
}
const ascii = [...' {}[]":,-.\\0123456789abcdefghijklmnopqrstuvwxyz'].map((one) => one.charCodeAt(0));

test('begins a character only if every end of it has tokens', () => {
  const inString = read('{"')!;
  const begins = (bytes: readonly number[]): boolean => {
    const allowed = jsonTokensOf(bytesTokenizer(bytes), 'small').allowedAfter(inString);
    return bytes.some(
      (byte, id) =>
        isInCharacter(stepJson(inString, byte) ?? inString) && (allowed[id >>> 5] >>> (id & 31)) & 1,
    );
  };
  expect(begins([...ascii, 0xc3, 0xa9])).toBe(false);
  expect(begins([...ascii, 0xc3, ...Array.from({ length: 64 }, (_, at) => 0x80 + at)])).toBe(true);
});

test('refuses by name a tokenizer without a token for a bracket', async () => {
  const without = bytesTokenizer(ascii.filter((byte) => byte !== '{'.charCodeAt(0)));
  const error = await graftError(() => jsonTokensOf(without, 'pebble'), 'json-tokenizer');
  expect(error.message).toContain('The tokenizer of pebble has no token for {');
  // Each word is followed by a space there, which is not the token's own.
  const files = smallTokenizer();
  const json = JSON.parse(files['tokenizer.json']) as object;
  files['tokenizer.json'] = JSON.stringify({ ...json, decoder: null });
  const words = await loadTokenizer(memoryFiles(files));
  await graftError(() => jsonTokensOf(words, 'words'), 'json-tokenizer');
});
