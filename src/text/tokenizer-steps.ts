/**
 * The steps around a tokenizer's model: normalizer, pre_tokenizer, post_processor, decoder. Each step that the library has is checked and
 * copied field by field; those that it computes differently from the reference implementation are rewritten.
 */
import type { JsonObject } from '../json.ts';
import { MAX_PATTERN_CHARS, refusedPattern } from './patterns.ts';
import { MAX_TOKEN_CHARS, type Checker } from './tokenizer-check.ts';

/** Steps of one of the four, and how deep they nest. */
const MAX_NODES = 64;
const MAX_NESTING = 8;
/** The largest factor by which all Replace steps together may lengthen a text. */
const MAX_GROWTH = 64;
/** The longest text that a step searches for: in practice one character or a few. */
const MAX_LITERAL_CHARS = 256;

/** The GPT-2 pattern that ByteLevel splits with, as the reference implementation has it. */
export const BYTE_LEVEL_PATTERN =
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
const PUNCTUATION = '[\\p{P}!-/:-@\\[-`{-~]';

/** Walks one of the four pipelines: counts nodes and nesting, bounds growth, hands each node to `step` (lists are walked here). */
class Pipeline {
  #nodes = 0;
  #growth = 1;

  constructor(
    readonly check: Checker,
    readonly part: string,
    /** The field of a Sequence that holds its steps. */
    readonly listField: string,
    readonly step: (node: JsonObject, pipeline: Pipeline, part: string) => JsonObject | undefined,
  ) {}

  walk(value: unknown, nesting = 0): JsonObject | null {
    if (value === null || value === undefined) return null;
    const node = this.check.object(value, this.part);
    if (++this.#nodes > MAX_NODES || nesting > MAX_NESTING)
      throw this.check.wrong(this.part, 'has too many steps');
    const type = this.check.text(node.type, `${this.part}.type`, 64);
    if (type === 'Sequence') {
      const steps = this.check.list(node[this.listField] ?? [], `${this.part}.${this.listField}`, MAX_NODES);
      return {
        type,
        [this.listField]: steps.map((step) => this.walk(step, nesting + 1)).filter((step) => step !== null),
      };
    }
    const checked = this.step(node, this, `${this.part} ${type}`);
    if (!checked) throw this.check.unsupported(this.part, `has a step of type ${JSON.stringify(type)}`);
    return checked;
  }

  /** `{String}` or `{Regex}`. The time of a regular expression is bounded once the library has rewritten it (pattern-watch.ts). */
  pattern(value: unknown, part: string): JsonObject {
    const pattern =
      typeof value === 'string' ? { String: value } : this.check.object(value, `the pattern of ${part}`);
    if (pattern.String !== undefined) {
      const text = this.check.text(pattern.String, part, MAX_LITERAL_CHARS);
      if (text === '') throw this.check.wrong(part, 'looks for nothing');
      return { String: text };
    }
    const regex = this.check.text(pattern.Regex, `the pattern of ${part}`, Infinity);
    const where = `${this.check.where}: ${part}`;
    if (regex === '') throw refusedPattern(where, 'it is empty');
    if (regex.length > MAX_PATTERN_CHARS) throw refusedPattern(where, `it has ${regex.length} characters`);
    return { Regex: regex };
  }

  replace(node: JsonObject, part: string): JsonObject {
    const pattern = this.pattern(node.pattern, part);
    const content = this.check.optionalText(node.content, `${part}.content`) ?? '';
    const matched = typeof pattern.String === 'string' ? pattern.String.length : 1;
    this.#growth *= Math.max(1, (content.length + (pattern.Regex === undefined ? 0 : 1)) / matched);
    if (this.#growth > MAX_GROWTH) throw this.check.wrong(part, 'makes the text too long');
    return { type: 'Replace', pattern, content };
  }
}

function normalizerStep(node: JsonObject, pipeline: Pipeline, part: string): JsonObject | undefined {
  const { check } = pipeline;
  const type = node.type as string;
  switch (type) {
    case 'Replace':
      return pipeline.replace(node, part);
    case 'Prepend':
      return { type, prepend: check.text(node.prepend, `${part}.prepend`, 64) };
    case 'Strip':
      return {
        type,
        strip_left: check.flag(node.strip_left, part),
        strip_right: check.flag(node.strip_right, part),
      };
    case 'BertNormalizer': {
      const lowercase = check.flag(node.lowercase, part);
      const chinese = check.flag(node.handle_chinese_chars, part);
      const step = {
        type,
        clean_text: check.flag(node.clean_text, part),
        handle_chinese_chars: chinese,
        strip_accents: node.strip_accents === null ? null : check.flag(node.strip_accents, part),
        lowercase,
      };
      return before([...(chinese ? CHINESE_APART : []), ...(lowercase ? [PLAIN_SIGMA] : [])], step);
    }
    case 'Lowercase':
      return before([PLAIN_SIGMA], { type });
    case 'Precompiled':
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD':
    case 'StripAccents':
      return { type };
    default:
      return undefined;
  }
}

/** JavaScript makes ς of a Σ that ends a word; the reference lowers each character by itself, so that it becomes σ everywhere. */
const PLAIN_SIGMA: JsonObject = { type: 'Replace', pattern: { String: 'Σ' }, content: 'σ' };

/** The library puts spaces around Chinese characters of the basic plane only. */
const FURTHER_CHINESE =
  '[\\u{20000}-\\u{2A6DF}\\u{2A700}-\\u{2B81F}\\u{2B920}-\\u{2CEAF}\\u{2F800}-\\u{2FA1F}]';
const CHINESE_APART: readonly JsonObject[] = [`(?=${FURTHER_CHINESE})`, `(?<=${FURTHER_CHINESE})`].map(
  (Regex) => ({ type: 'Replace', pattern: { Regex }, content: ' ' }),
);

function before(steps: readonly JsonObject[], step: JsonObject): JsonObject {
  return steps.length === 0 ? step : { type: 'Sequence', normalizers: [...steps, step] };
}

function splitStep(node: JsonObject, pipeline: Pipeline, part: string): JsonObject {
  const { check } = pipeline;
  const pattern = pipeline.pattern(node.pattern, part);
  const behavior = check.text(node.behavior ?? 'Isolated', `${part}.behavior`, 64);
  const invert = check.flag(node.invert, part);
  const text = pattern.String as string | undefined;
  // The library splits in two ways only: matches apart, or matches dropped. Gemma asks for " " MergedWithPrevious, which is matches apart of
  // another pattern: a run of other characters, and the one after it.
  if (behavior === 'MergedWithPrevious' && text !== undefined && [...text].length === 1 && !invert) {
    return split(`[^${classMember(text)}]+${literal(text)}?|${literal(text)}`);
  }
  if (behavior !== 'Isolated' && behavior !== 'Removed') {
    throw check.unsupported(part, `has the behaviour ${JSON.stringify(behavior)}`);
  }
  const regex = text === undefined ? (pattern.Regex as string) : literal(text);
  // What is no match stands apart as well, so that which of the two a match is makes no difference; the library would drop what is between.
  return split(regex, behavior, invert && behavior === 'Removed');
}

/** A pattern for a literal text: the library keeps matches of a text that should be removed. */
function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}

function classMember(letter: string): string {
  return /[\\\]^-]/.test(letter) ? `\\${letter}` : letter;
}

function split(regex: string, behavior: 'Isolated' | 'Removed' = 'Isolated', invert = false): JsonObject {
  return { type: 'Split', pattern: { Regex: regex }, behavior, invert };
}

function preTokenizerStep(node: JsonObject, pipeline: Pipeline, part: string): JsonObject | undefined {
  const { check } = pipeline;
  const type = node.type as string;
  switch (type) {
    case 'Split':
      return splitStep(node, pipeline, part);
    case 'ByteLevel': {
      const prefix = check.flag(node.add_prefix_space, part);
      const bytes = { type, add_prefix_space: prefix, use_regex: check.flag(node.use_regex ?? true, part) };
      if (prefix || !bytes.use_regex) return bytes;
      // The library's own pattern takes U+FEFF for a space and U+0085 for none; its Split has the reference's white space.
      return { type: 'Sequence', pretokenizers: [split(BYTE_LEVEL_PATTERN), { ...bytes, use_regex: false }] };
    }
    case 'Digits':
      // The library knows ASCII digits only; the reference takes every numeric character (½, ², ٣) for one.
      return split(check.flag(node.individual_digits, part) ? '\\p{N}' : '\\p{N}+');
    case 'Punctuation': {
      // The library joins runs whatever the behaviour says.
      const behavior = node.behavior ?? 'Isolated';
      if (behavior === 'Isolated') return split(PUNCTUATION);
      if (behavior === 'Contiguous') return split(`${PUNCTUATION}+`);
      throw check.unsupported(part, `has the behaviour ${JSON.stringify(behavior)?.slice(0, 40)}`);
    }
    case 'Whitespace':
      // The library's \w is ASCII, so that every accented letter would be a word of its own.
      return split('\\w+|[^\\w\\s]+', 'Removed', true);
    case 'Metaspace': {
      const scheme = node.prepend_scheme ?? (node.add_prefix_space === false ? 'never' : 'always');
      if (scheme !== 'always' && scheme !== 'first' && scheme !== 'never')
        throw check.wrong(part, 'has no valid prepend_scheme');
      return { type, replacement: check.text(node.replacement ?? '▁', part, 8), prepend_scheme: scheme };
    }
    case 'FixedLength':
      return { type, length: check.count(node.length, `${part}.length`, 1, MAX_TOKEN_CHARS) };
    case 'WhitespaceSplit':
      // The library takes U+FEFF for a space and U+0085 for none.
      return split('\\s+', 'Removed');
    case 'BertPreTokenizer':
      return { type };
    default:
      return undefined;
  }
}

function tokenAndId(
  check: Checker,
  value: unknown,
  part: string,
  ids: Map<string, number>,
): [string, number] {
  const [token, id] = check.list(value, part, 2);
  const content = check.text(token, part);
  if (!ids.has(content))
    throw check.wrong(part, `names ${JSON.stringify(content.slice(0, 40))}, which is not a token`);
  return [content, check.id(id, part)];
}

function postProcessorStep(
  node: JsonObject,
  pipeline: Pipeline,
  part: string,
  ids: Map<string, number>,
): JsonObject | undefined {
  const { check } = pipeline;
  const type = node.type as string;
  switch (type) {
    case 'ByteLevel':
      return { type };
    case 'BertProcessing':
    case 'RobertaProcessing':
      return {
        type,
        sep: tokenAndId(check, node.sep, `${part}.sep`, ids),
        cls: tokenAndId(check, node.cls, `${part}.cls`, ids),
      };
    case 'TemplateProcessing': {
      // Graft encodes single texts only.
      const single = check.list(node.single, `${part}.single`, MAX_NODES).map((value) => {
        const item = check.object(value, part);
        if (item.SpecialToken !== undefined) {
          const id = check.text(check.object(item.SpecialToken, part).id, part);
          if (!ids.has(id))
            throw check.wrong(part, `adds ${JSON.stringify(id.slice(0, 40))}, which is not a token`);
          return { SpecialToken: { id, type_id: 0 } };
        }
        if (check.object(item.Sequence, part).id !== 'A')
          throw check.wrong(part, 'has a sequence that is not A');
        return { Sequence: { id: 'A', type_id: 0 } };
      });
      if (single.filter((item) => 'Sequence' in item).length !== 1)
        throw check.wrong(part, 'does not hold the text once');
      return { type, single, pair: [] };
    }
    default:
      return undefined;
  }
}

function decoderStep(node: JsonObject, pipeline: Pipeline, part: string): JsonObject | undefined {
  const { check } = pipeline;
  const type = node.type as string;
  switch (type) {
    case 'Replace':
      return pipeline.replace(node, part);
    case 'Strip':
      return {
        type,
        content: check.text(node.content, part, 2),
        start: check.count(node.start ?? 0, `${part}.start`, 0, MAX_TOKEN_CHARS),
        stop: check.count(node.stop ?? 0, `${part}.stop`, 0, MAX_TOKEN_CHARS),
      };
    case 'Metaspace':
      return { type, replacement: check.text(node.replacement ?? '▁', part, 8) };
    case 'WordPiece':
      return {
        type,
        prefix: check.text(node.prefix ?? '##', part, 64),
        cleanup: check.flag(node.cleanup, part),
      };
    case 'BPEDecoder': {
      const suffix = check.text(node.suffix ?? '', part, 64);
      if (suffix === '') throw check.wrong(part, 'has no suffix');
      return { type, suffix };
    }
    case 'ByteLevel':
    case 'ByteFallback':
    case 'Fuse':
      return { type };
    default:
      return undefined;
  }
}

/** The four parts of `file`, made safe for the library. Throws `tokenizer-file`, `tokenizer-pattern` or `tokenizer-unsupported`. */
export function checkSteps(check: Checker, file: JsonObject, ids: Map<string, number>): JsonObject {
  const pipeline = (part: string, list: string, step: Pipeline['step']): JsonObject | null =>
    new Pipeline(check, part, list, step).walk(file[part]);
  return {
    normalizer: pipeline('normalizer', 'normalizers', normalizerStep),
    pre_tokenizer: pipeline('pre_tokenizer', 'pretokenizers', preTokenizerStep),
    post_processor: pipeline('post_processor', 'processors', (node, self, part) =>
      postProcessorStep(node, self, part, ids),
    ),
    decoder: pipeline('decoder', 'decoders', decoderStep),
  };
}
