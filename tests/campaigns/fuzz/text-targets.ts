/** Chat templates and tokenizers. */
import { renderChat } from '../../../src/text/chat-template.ts';
import { loadTokenizer } from '../../../src/text/tokenizer.ts';
import { memoryFiles } from '../../../src/weights/bytes.ts';
import { textOf } from './data-targets.ts';
import { below, mutateBytes, mutateJson, mutateText, pick, utf8 } from './mutate.ts';
import type { Input, Target } from './target.ts';

const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

const { cases: JINJA } = JSON.parse(textOf('tests/fixtures/jinja.json')) as { cases: { template: string }[] };
const SPRIG = JSON.parse(textOf('public/models/sprig/tokenizer_config.json')) as { chat_template: string };
const TEMPLATES = [SPRIG.chat_template, ...JINJA.map(({ template }) => template)];
const JINJA_PIECES = [
  '{% for m in messages %}',
  '{% endfor %}',
  '{{',
  '}}',
  '{%',
  '%}',
  '{% if true %}',
  '{% else %}',
  '{% endif %}',
  '{% set x = x ~ x %}',
  '| join',
  '| tojson(indent=9)',
  '| replace("", "xxxxxxxx")',
  '| indent(9999)',
  '.split("")',
  'range(99999)',
  'range(1,9,0)',
  '[::-1]',
  '* 99999',
  '** 99',
  '{% macro f(x) %}{{ f(x) }}{% endmacro %}',
  'namespace(a=1)',
  'loop.index',
  'messages[0]["content"]',
  '[[[[[[',
  '((((((',
  '{#',
  '#}',
  "'",
  '"',
  '~',
  'not ',
  ' is defined',
  'raise_exception("x")',
  'strftime_now("%Y")',
  '{%- generation -%}',
  '| sort',
  '| title',
  '.strip("x")',
  '\n  ',
];
const MESSAGES = [
  { role: 'system', content: 'Be kind.' },
  { role: 'user', content: 'Hi "there"\n  😀' },
  { role: 'assistant', content: 'Hello' },
];

const templateTarget: Target = {
  name: 'chat templates',
  count: 90_000,
  make: (random) => ({
    'chat_template.jinja': utf8(mutateText(random, pick(random, TEMPLATES), JINJA_PIECES)),
  }),
  run(input) {
    const template = decode(input['chat_template.jinja']);
    renderChat(template, MESSAGES, { addGenerationPrompt: true, bosToken: '<s>', eosToken: '</s>' });
    renderChat(template, MESSAGES.slice(1, 2), { addGenerationPrompt: false });
  },
};

const LETTERS = [...'abcdefghijklmnopqrstuvwxyz', 'Ġ', '▁', '<unk>', 'th', 'the', '##s', '<0x0A>'];
const VOCAB = Object.fromEntries(LETTERS.map((letter, id) => [letter, id]));
const ADDED = [{ id: LETTERS.length, content: '<s>', special: true, normalized: false }];
const split = (Regex: string, behavior = 'Isolated'): object => ({
  type: 'Split',
  pattern: { Regex },
  behavior,
  invert: false,
});
const TOKENIZERS: readonly object[] = [
  {
    added_tokens: ADDED,
    normalizer: {
      type: 'Sequence',
      normalizers: [{ type: 'NFC' }, { type: 'Replace', pattern: { Regex: ' {2,}' }, content: ' ' }],
    },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        split(
          "(?i:'s|'t)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
        ),
        { type: 'ByteLevel', add_prefix_space: false, use_regex: false },
      ],
    },
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: '<s>' } }, { Sequence: { id: 'A' } }],
    },
    decoder: { type: 'ByteLevel' },
    model: { type: 'BPE', unk_token: '<unk>', vocab: VOCAB, merges: ['t h', ['th', 'e']] },
  },
  {
    added_tokens: ADDED,
    normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, lowercase: true },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: { type: 'BertProcessing', sep: ['<s>', 33], cls: ['<s>', 33] },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: { type: 'WordPiece', unk_token: '<unk>', vocab: VOCAB, max_input_chars_per_word: 50 },
  },
  {
    added_tokens: ADDED,
    pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'first' },
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        { type: 'Strip', content: ' ', start: 1, stop: 0 },
      ],
    },
    model: { type: 'Unigram', unk_id: 28, vocab: LETTERS.map((letter, i) => [letter, -i]) },
  },
];
const REGEX_PIECES = [
  'a?',
  'a*',
  '(?:a|b)',
  '+',
  '*',
  '{1,9}',
  '{2,}',
  '(',
  ')',
  '[',
  ']',
  '|',
  '\\p{L}',
  '\\p{',
  '(?!',
  '(?<=',
  '\\1',
  '[^',
  '&&',
  '++',
  '(?>a)',
  '[[:alpha:]]',
  '\\s',
  '$',
  '(?i:',
  '\\b',
  'a?'.repeat(30),
];

const tokenizerTarget: Target = {
  name: 'tokenizer.json',
  count: 60_000,
  make(random): Input {
    const file = mutateJson(random, pick(random, TOKENIZERS));
    let text = JSON.stringify(file);
    if (below(random, 3) === 0) {
      // One of its patterns.
      text = text.replace(/"Regex":"((?:[^"\\]|\\.)*)"/, (_, source: string) => {
        const plain = JSON.parse(`"${source}"`) as string;
        return `"Regex":${JSON.stringify(mutateText(random, plain, REGEX_PIECES))}`;
      });
    }
    return { 'tokenizer.json': below(random, 8) ? utf8(text) : mutateBytes(random, utf8(text)) };
  },
  async run(input) {
    const tokenizer = await loadTokenizer(memoryFiles(input));
    for (const text of ['the cat\n\n  sat', `${'a'.repeat(300)}!`, `${' '.repeat(200)}x é😀 12345 they's`]) {
      const ids = tokenizer.encode(text);
      tokenizer.decode(ids);
      const stream = tokenizer.streamDecoder();
      for (const id of ids) stream.push(id);
      stream.end();
    }
  },
};

export const textTargets: readonly Target[] = [templateTarget, tokenizerTarget];
