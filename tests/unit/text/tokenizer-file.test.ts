import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadTokenizer, type Tokenizer } from '../../../src/text/tokenizer.ts';
import { memoryFiles } from '../../../src/weights/bytes.ts';
import { graftError, resultOrGraftError } from '../expect-graft-error.ts';

type Json = Record<string, unknown>;

/** A whole small tokenizer of each kind of step. */
function small(): Json & { model: Json; added_tokens: Json[] } {
  const letters = [...'abcdefghijklmnopqrstuvwxyz', 'Ġ', '<unk>', 'th', 'the', 'Ġthe'];
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [
      {
        id: 31,
        content: '<s>',
        special: true,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
      },
    ],
    normalizer: {
      type: 'Sequence',
      normalizers: [{ type: 'NFC' }, { type: 'Replace', pattern: { String: '\t' }, content: ' ' }],
    },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Digits', individual_digits: true },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
      ],
    },
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [],
      special_tokens: { '<s>': { id: '<s>', ids: [31], tokens: ['<s>'] } },
    },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: '<unk>',
      vocab: Object.fromEntries(letters.map((letter, id) => [letter, id])),
      merges: ['t h', ['th', 'e'], 'Ġ the'],
    },
  };
}

const load = (tokenizer: unknown, config?: unknown, more: Record<string, string> = {}): Promise<Tokenizer> =>
  loadTokenizer(
    memoryFiles({
      'tokenizer.json': typeof tokenizer === 'string' ? tokenizer : JSON.stringify(tokenizer),
      ...(config === undefined ? {} : { 'tokenizer_config.json': JSON.stringify(config) }),
      ...more,
    }),
  );

const changed = (change: (file: ReturnType<typeof small>) => void): Json => {
  const file = small();
  change(file);
  return file;
};

describe('tokenizer files', () => {
  it('a small one works', async () => {
    const tokenizer = await load(
      small(),
      { bos_token: { content: '<s>' }, eos_token: '<unk>' },
      { 'generation_config.json': '{"eos_token_id":[5,27]}' },
    );
    expect(tokenizer.encode('ab the', { addSpecialTokens: true })).toEqual([31, 0, 1, 30]);
    expect(tokenizer.decode([31, 0, 1, 30], { skipSpecialTokens: true })).toBe('ab the');
    expect([
      tokenizer.bosId,
      tokenizer.eosId,
      tokenizer.eosIds,
      tokenizer.padId,
      tokenizer.vocabSize,
    ]).toEqual([31, 27, [27, 5], undefined, 32]);
    expect(tokenizer.decode([])).toBe('');
    expect(tokenizer.encode('')).toEqual([]);
    // An id of the padded embedding has no text; others are no ids.
    expect(tokenizer.decode([0, 40])).toBe('a');
    for (const id of [-1, 1.5, 1e9, NaN]) await graftError(() => tokenizer.decode([id]), 'tokenizer-id');
    await graftError(() => tokenizer.encode('x'.repeat(9 * 2 ** 20)), 'tokenizer-text');
  });

  it('stops where generation_config.json says, or else config.json', async () => {
    const stops = async (more: Record<string, string>): Promise<readonly number[]> =>
      (await load(small(), { eos_token: '<unk>' }, more)).eosIds;
    const config = '{"eos_token_id":[3,27]}';
    expect(await stops({ 'config.json': config })).toEqual([27, 3]);
    expect(await stops({ 'config.json': '{"eos_token_id":4}' })).toEqual([27, 4]);
    expect(await stops({ 'config.json': '{"text_config":{"eos_token_id":6}}' })).toEqual([27, 6]);
    expect(await stops({ 'config.json': '{"eos_token_id":null}' })).toEqual([27]);
    const generation = '{"eos_token_id":5}';
    expect(await stops({ 'config.json': config, 'generation_config.json': generation })).toEqual([27, 5]);
    expect(await stops({ 'config.json': config, 'generation_config.json': '{}' })).toEqual([27]);
  });

  it("ends texts with the model's token if the tokenizer's files name none, as for GPT-2", async () => {
    const config = { 'config.json': '{"eos_token_id":31}' };
    const tokenizer = await load(small(), { model_max_length: 1024 }, config);
    expect([tokenizer.eosToken, tokenizer.eosId, tokenizer.eosIds]).toEqual(['<s>', 31, [31]]);
    expect((await load(small(), { eos_token: null }, config)).eosId).toBeUndefined();
    expect((await load(small(), {}, { 'config.json': '{"eos_token_id":500}' })).eosId).toBeUndefined();
  });

  it('starts texts with bos if the configuration or tokenizer.json says so', async () => {
    const starts = async (file: unknown, config: Json): Promise<number | undefined> =>
      (await load(file, { bos_token: '<s>', ...config })).startId;
    const without = changed((file) => (file.post_processor = null));
    expect(await starts(small(), {})).toBe(31);
    expect(await starts(without, {})).toBeUndefined();
    expect(await starts(without, { add_bos_token: true })).toBe(31);
    expect(await starts(small(), { add_bos_token: false })).toBeUndefined();
  });

  it('leaves out a text that it cannot spell if it has no unknown token', async () => {
    const tokenizer = await load(changed((file) => (file.model.unk_token = null)));
    // BPE without an unknown token leaves out what it cannot spell, as the reference implementation does.
    expect(tokenizer.encode('a!b')).toEqual([0, 1]);
  });

  it('finds the template: its own file first, then the configuration, the default of several', async () => {
    const jinja = { 'chat_template.jinja': 'file' };
    expect((await load(small(), { chat_template: 'config' }, jinja)).chatTemplate).toBe('file');
    expect((await load(small(), { chat_template: 'config' })).chatTemplate).toBe('config');
    const several = [
      { name: 'tool_use', template: 'tools' },
      { name: 'default', template: 'plain' },
    ];
    expect((await load(small(), { chat_template: several })).chatTemplate).toBe('plain');
    expect((await load(small(), {}, { 'chat_template.json': '{"chat_template":"old"}' })).chatTemplate).toBe(
      'old',
    );
    expect((await load(small())).chatTemplate).toBeUndefined();
  });

  it('treats every numeric character as a digit, like the reference implementation', async () => {
    const split = changed((file) => {
      file.pre_tokenizer = { type: 'Digits', individual_digits: false };
      file.decoder = null;
      file.model = {
        type: 'BPE',
        unk_token: null,
        vocab: { '½': 0, '²': 1, '½²': 2, a: 3, 'a½': 4 },
        merges: ['½ ²', 'a ½'],
      };
      file.post_processor = null;
      file.added_tokens = [];
    });
    expect((await load(split)).encode('a½²')).toEqual([3, 2]);
    expect(
      (await load({ ...split, pre_tokenizer: { type: 'Digits', individual_digits: true } })).encode('a½²'),
    ).toEqual([3, 0, 1]);
    expect((await load({ ...split, pre_tokenizer: null })).encode('a½²')).toEqual([2 + 1, 2]);
  });

  it('splits words and punctuation as the reference implementation does', async () => {
    const tokens = ['é', 'a', '!', 'éa', '!!', 'a!'];
    const withStep = (pre_tokenizer: Json): Json =>
      changed((f) => {
        f.pre_tokenizer = pre_tokenizer;
        f.model = {
          type: 'BPE',
          unk_token: null,
          vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
          merges: ['é a', '! !', 'a !'],
        };
        f.post_processor = null;
        f.added_tokens = [];
      });
    // A letter with an accent is part of its word; spaces are dropped; runs of punctuation stay together.
    expect((await load(withStep({ type: 'Whitespace' }))).encode('éa!! a')).toEqual([3, 4, 1]);
    expect((await load(withStep({ type: 'Punctuation' }))).encode('éa!!')).toEqual([3, 2, 2]);
    expect((await load(withStep({ type: 'Punctuation', behavior: 'Contiguous' }))).encode('éa!!')).toEqual([
      3, 4,
    ]);
    await graftError(
      () => load(withStep({ type: 'Punctuation', behavior: 'MergedWithNext' })),
      'tokenizer-unsupported',
    );
  });

  it('does not treat a byte order mark as a space', async () => {
    const vocab = Object.fromEntries(
      ['ï', '»', '¿', 'a', 'Ġ', '¿a', '»¿', 'Ġa'].map((token, id) => [token, id]),
    );
    const file = changed((f) => {
      f.pre_tokenizer = { type: 'ByteLevel', add_prefix_space: false, use_regex: true };
      f.model = { type: 'BPE', unk_token: null, vocab, merges: ['¿ a', 'Ġ a'] };
      f.post_processor = null;
      f.added_tokens = [];
    });
    // " ?[^\s\p{L}\p{N}]+" takes U+FEFF, so that "a" is apart from it.
    expect((await load(file)).encode('\uFEFFa')).toEqual([0, 1, 2, 3]);
    expect((await load(file)).encode(' a')).toEqual([7]);
  });

  it.each<[string, unknown, string, string]>([
    ['no JSON', '{', 'json-syntax', 'tokenizer.json'],
    ['nesting', '['.repeat(1e6), 'json-depth', 'tokenizer.json'],
    ['a list', [], 'tokenizer-file', 'object'],
    ['no model', changed((f) => Reflect.deleteProperty(f, 'model')), 'tokenizer-file', 'model'],
    ['another model', changed((f) => (f.model.type = 'Neural')), 'tokenizer-unsupported', 'Neural'],
    ['an id of a billion', changed((f) => (f.model.vocab = { a: 1e9 })), 'tokenizer-file', '1000000000'],
    ['a negative id', changed((f) => (f.model.vocab = { a: -1 })), 'tokenizer-file', '-1'],
    ['half an id', changed((f) => (f.model.vocab = { a: 0.5 })), 'tokenizer-file', '0.5'],
    ['an id twice', changed((f) => (f.model.vocab = { a: 0, b: 0 })), 'tokenizer-file', '"b"'],
    ['a merge of strangers', changed((f) => (f.model.merges = ['t h', 'q z'])), 'tokenizer-file', 'merge 1'],
    ['a merge of three', changed((f) => (f.model.merges = ['t h e'])), 'tokenizer-file', 'merge 0'],
    ['a merge of numbers', changed((f) => (f.model.merges = [[1, 2]])), 'tokenizer-file', 'merge 0'],
    ['no merges', changed((f) => Reflect.deleteProperty(f.model, 'merges')), 'tokenizer-file', 'merges'],
    [
      'a subword prefix',
      changed((f) => (f.model.continuing_subword_prefix = '##')),
      'tokenizer-unsupported',
      '##',
    ],
    ['an added token of a billion', changed((f) => (f.added_tokens[0].id = 1e9)), 'tokenizer-file', '<s>'],
    [
      'an empty added token',
      changed((f) => (f.added_tokens[0].content = '')),
      'tokenizer-file',
      'added token 0',
    ],
    [
      'an unknown step',
      changed((f) => (f.pre_tokenizer = { type: 'UnicodeScripts' })),
      'tokenizer-unsupported',
      'UnicodeScripts',
    ],
    [
      'a behaviour that the library lacks',
      changed(
        (f) => (f.pre_tokenizer = { type: 'Split', pattern: { String: 'x' }, behavior: 'MergedWithNext' }),
      ),
      'tokenizer-unsupported',
      'MergedWithNext',
    ],
    [
      'an endless step',
      changed((f) => (f.pre_tokenizer = { type: 'FixedLength', length: 0 })),
      'tokenizer-file',
      'length',
    ],
    [
      'too many steps',
      changed(
        (f) =>
          (f.normalizer = {
            type: 'Sequence',
            normalizers: Array.from({ length: 100 }, () => ({ type: 'NFC' })),
          }),
      ),
      'tokenizer-file',
      'normalizer',
    ],
    [
      'steps that double the text',
      changed(
        (f) =>
          (f.normalizer = {
            type: 'Sequence',
            normalizers: Array.from({ length: 40 }, () => ({
              type: 'Replace',
              pattern: { String: 'a' },
              content: 'aa',
            })),
          }),
      ),
      'tokenizer-file',
      'too long',
    ],
    [
      'a template with a stranger',
      changed(
        (f) =>
          (f.post_processor = {
            type: 'TemplateProcessing',
            single: [{ SpecialToken: { id: '<x>' } }, { Sequence: { id: 'A' } }],
          }),
      ),
      'tokenizer-file',
      '<x>',
    ],
    [
      'a catastrophic pattern',
      changed(
        (f) => (f.pre_tokenizer = { type: 'Split', pattern: { Regex: '(a+)+$' }, behavior: 'Isolated' }),
      ),
      'tokenizer-pattern',
      'forever',
    ],
    [
      'a pattern that does not compile',
      changed(
        (f) => (f.pre_tokenizer = { type: 'Split', pattern: { Regex: '[z-a]' }, behavior: 'Isolated' }),
      ),
      'tokenizer-file',
      'z-a',
    ],
  ])('refuses %s', async (_, file, code, named) => {
    expect((await graftError(() => load(file), code)).what).toContain(named);
  });

  it.each(['[\\s\\S]*[\\s\\S]*[\\s\\S]*§', '[a-z ]*[a-z ]*[a-z ]*[a-z ]*§', '\\s*\\s*\\s*\\s*§'])(
    'refuses %s, whose time grows with a power of the length',
    async (Regex) => {
      const file = changed(
        (f) => (f.pre_tokenizer = { type: 'Split', pattern: { Regex }, behavior: 'Isolated' }),
      );
      expect((await graftError(() => load(file), 'tokenizer-pattern')).what).toContain('square');
    },
  );

  it('names a missing file and a bad configuration', async () => {
    expect(
      (await graftError(() => loadTokenizer(memoryFiles({}, 'my-model')), 'tokenizer-missing')).what,
    ).toContain('my-model/tokenizer.json');
    await graftError(() => load(small(), []), 'tokenizer-file');
    await graftError(() => load(small(), { bos_token: 7 }), 'tokenizer-file');
    await graftError(() => load(small(), { chat_template: 7 }), 'tokenizer-file');
  });

  it('reads no file that says it is huge', async () => {
    let read = false;
    const folder = {
      name: 'm',
      open: async (name: string) =>
        name === 'tokenizer.json'
          ? { size: 2 ** 40, read: async () => ((read = true), new Uint8Array(1)) }
          : undefined,
    };
    await graftError(() => loadTokenizer(folder), 'file-too-large');
    expect(read).toBe(false);
  });

  it('fuzzed files end in a tokenizer that works or a GraftError', async () => {
    const base = JSON.stringify(small());
    const textEdit = fc
      .tuple(
        fc.nat(base.length - 1),
        fc.nat(12),
        fc.oneof(
          fc.constantFrom('', '0', '-', '"', '[', '{', '}', ',', '1e99', 'null', '{}', '[]'),
          fc.string({ maxLength: 3 }),
        ),
      )
      .map(([at, cut, added]) => base.slice(0, at) + added + base.slice(at + cut));
    /** Another JSON value in one place of the file. */
    const valueEdit = fc.tuple(fc.nat(), fc.jsonValue({ maxDepth: 3 })).map(([place, value]) => {
      const file = small() as Json;
      const places: [Json, string][] = [];
      const walk = (node: unknown): void => {
        if (typeof node !== 'object' || node === null) return;
        for (const key of Object.keys(node)) {
          places.push([node as Json, key]);
          walk((node as Json)[key]);
        }
      };
      walk(file);
      const [parent, key] = places[place % places.length];
      parent[key] = value;
      return JSON.stringify(file);
    });
    const seen = { result: 0, error: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(textEdit, valueEdit, fc.json()),
        fc.string({ unit: 'binary', maxLength: 20 }),
        async (file, text) => {
          seen[
            await resultOrGraftError(async () => {
              const tokenizer = await load(file);
              const ids = tokenizer.encode(text + 'a the 12', { addSpecialTokens: true });
              const stream = tokenizer.streamDecoder();
              const pieces = ids.map((id) => stream.push(id)).join('') + stream.end();
              expect(pieces).toBe(tokenizer.decode(ids));
            })
          ]++;
        },
      ),
      { numRuns: 1500 },
    );
    expect(seen.result).toBeGreaterThan(50);
    expect(seen.error).toBeGreaterThan(300);
  });

  it('fuzzed configurations too', async () => {
    const field = fc.constantFrom(
      'bos_token',
      'eos_token',
      'pad_token',
      'chat_template',
      'clean_up_tokenization_spaces',
      'additional_special_tokens',
      'remove_space',
    );
    const config = fc.oneof(fc.jsonValue(), fc.dictionary(field, fc.jsonValue()));
    await fc.assert(
      fc.asyncProperty(config, config, async (first, second) => {
        await resultOrGraftError(async () => {
          const tokenizer = await load(small(), first, {
            'special_tokens_map.json': JSON.stringify(second),
            'generation_config.json': JSON.stringify({ eos_token_id: second }),
          });
          expect(tokenizer.decode(tokenizer.encode('ab the'))).toBe('ab the');
        });
      }),
      { numRuns: 300 },
    );
  });
});
