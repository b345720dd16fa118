/**
 * Calls of tools in what a model writes. There is no standard form: each chat template writes calls in the form that its model was trained on. So the form
 * is read from the template: a made-up call is rendered, and what surrounds its name and arguments is what the model writes around its own.
 *
 *   <tool_call>\n{"name": "…", "arguments": {…}}\n</tool_call>     Qwen, Hermes, SmolLM3: an object between marks
 *   {"name": "…", "parameters": {…}}                               Llama 3: an object and nothing else
 *   [TOOL_CALLS][{"name": "…", "arguments": {…}}]                  Mistral: a list after a special token, which is no text
 *   <function=…>{…}</function>                                     Llama 3.1, own tools: the name outside of the object
 */
import { isObject, parseJson, type JsonObject } from '../json.ts';
import { GraftError } from '../errors.ts';
import { renderChat, type ChatMessage } from './chat-template.ts';
import { writtenTurn } from './written-turn.ts';
import type { Tokenizer } from './tokenizer.ts';

/** The text before a call, and after it, without white space around them. */
interface Around {
  readonly open: string;
  readonly close: string;
}

/** The form of a model's calls: an object with a name and arguments, or a name followed by an object of arguments. */
export type CallForm =
  | (Around & { readonly kind: 'object'; readonly nameKey: string; readonly argumentsKey: string })
  | (Around & { readonly kind: 'named'; readonly between: string });

export interface WrittenCall {
  readonly name: string;
  readonly arguments: JsonObject;
}

/** What an answer says, and which tools it calls. */
export interface ReadCalls {
  readonly content: string;
  readonly calls: readonly WrittenCall[];
}

const NAME = 'look_up_zq';
const KEY = 'word_zq';
const VALUE = 'value_zq';
const TOOL: JsonObject = {
  type: 'function',
  function: {
    name: NAME,
    description: 'Looks a word up.',
    parameters: { type: 'object', properties: { [KEY]: { type: 'string' } }, required: [KEY] },
  },
};
const QUESTION: ChatMessage = { role: 'user', content: 'Hello' };

/**
 * @returns undefined if the template writes no tools or no calls, or calls in a form that has no object of arguments after the name
 */
export function callFormOf({
  chatTemplate,
  specialTokens,
}: Pick<Tokenizer, 'chatTemplate' | 'specialTokens'>): CallForm | undefined {
  if (chatTemplate === undefined || !writesTools(chatTemplate)) return undefined;
  const call = {
    // Mistral's templates take ids of nine letters and digits only.
    ...{ id: 'call00000', type: 'function' as const },
    function: { name: NAME, arguments: { [KEY]: VALUE } },
  };
  const messages = [
    { role: 'user' as const, content: QUESTION.content },
    { role: 'assistant' as const, content: '', tool_calls: [call] },
  ];
  const written = writtenTurn(chatTemplate, { messages, tools: [TOOL] }, 1);
  if (written === undefined) return undefined;
  // Special tokens are no part of the text of an answer.
  const text = specialTokens.reduce((rest, token) => rest.replaceAll(token, ''), written);
  return formIn(text);
}

function writesTools(template: string): boolean {
  const render = (tools?: readonly JsonObject[]): string =>
    renderChat(template, [QUESTION], { addGenerationPrompt: true, tools });
  try {
    return render([TOOL]) !== render();
  } catch (error) {
    if (error instanceof GraftError) return false;
    throw error;
  }
}

function formIn(text: string): CallForm | undefined {
  const nameAt = text.indexOf(NAME);
  const argumentsAt = text.indexOf('{', nameAt);
  if (nameAt < 0 || argumentsAt < 0) return undefined;
  for (let start = text.lastIndexOf('{', nameAt); start >= 0; start = text.lastIndexOf('{', start - 1)) {
    const read = objectAt(text, start);
    const [nameKey] = Object.entries(read?.value ?? {}).find(([, value]) => value === NAME) ?? [];
    const [argumentsKey] =
      Object.entries(read?.value ?? {}).find(([, value]) => isObject(value) && value[KEY] === VALUE) ?? [];
    if (read && nameKey !== undefined && argumentsKey !== undefined)
      return {
        ...{ kind: 'object', nameKey, argumentsKey },
        ...{ open: text.slice(0, start).trim(), close: text.slice(read.end).trim() },
      };
    if (start === 0) break;
  }
  const given = objectAt(text, argumentsAt);
  if (given?.value[KEY] !== VALUE) return undefined;
  return {
    kind: 'named',
    open: text.slice(0, nameAt).trim(),
    between: text.slice(nameAt + NAME.length, argumentsAt).trim(),
    close: text.slice(given.end).trim(),
  };
}

/** The JSON object that starts at a bracket, and the position after it; undefined if it does not end or is not JSON. */
function objectAt(text: string, start: number): { value: JsonObject; end: number } | undefined {
  let depth = 0;
  let quoted = false;
  for (let at = start; at < text.length; at++) {
    const c = text[at];
    if (quoted) {
      if (c === '\\') at++;
      else if (c === '"') quoted = false;
    } else if (c === '"') quoted = true;
    else if (c === '{') depth++;
    else if (c === '}' && --depth === 0) {
      const value = parsed(text.slice(start, at + 1));
      return isObject(value) ? { value, end: at + 1 } : undefined;
    }
  }
  return undefined;
}

function parsed(text: string): unknown {
  try {
    return parseJson(text, 'the call');
  } catch (error) {
    if (error instanceof GraftError) return undefined;
    throw error;
  }
}

const NAMED = /[\w.-]{1,128}/y;

/** Reads an answer as it comes: text flows until a call may start, and from there on it waits for the end. */
export class CallReader {
  /** The whole answer so far. */
  #text = '';
  #sent = 0;

  /** @param names of the tools of the request: what calls another one stays text */
  constructor(
    private readonly form: CallForm,
    private readonly names: ReadonlySet<string>,
  ) {}

  /** @returns the text that is no part of a call for certain */
  push(piece: string): string {
    this.#text += piece;
    const certain = Math.max(this.#sent, this.#certain());
    const text = this.#text.slice(this.#sent, certain);
    this.#sent = certain;
    return text;
  }

  /** @returns what is left of the text, and the calls */
  end(): ReadCalls {
    const { content, calls } = readCalls(this.#text, this.form, this.names);
    return { content: content.slice(Math.min(this.#sent, content.length)), calls };
  }

  /** Up to here no call can have begun. */
  #certain(): number {
    const { open } = this.form;
    const text = this.#text;
    if (open === '' && this.form.kind === 'object')
      // Only an answer that starts with an object is a call.
      return /^\s*(\{|$)/.test(text) ? 0 : text.length;
    const found = open === '' ? 0 : text.indexOf(open);
    let end = found >= 0 ? found : text.length;
    if (found < 0)
      for (let length = Math.min(open.length - 1, text.length); length > 0; length--)
        if (open.startsWith(text.slice(-length))) {
          end = text.length - length;
          break;
        }
    // White space before a call goes with it.
    return text.slice(0, end).trimEnd().length;
  }
}

/** The calls of a whole answer. An answer without a complete call of a known tool is text. */
export function readCalls(text: string, form: CallForm, names: ReadonlySet<string>): ReadCalls {
  const none = { content: text, calls: [] };
  const start = form.open === '' ? text.search(/\S|$/) : text.indexOf(form.open);
  if (start < 0) return none;
  const calls: WrittenCall[] = [];
  let at = start;
  let end = start;
  while (at < text.length) {
    const next = skip(text, at, form.open, calls.length > 0);
    const read = next === undefined ? undefined : callAt(text, next, form);
    if (!read || !names.has(read.call.name)) break;
    calls.push(read.call);
    end = at = skip(text, read.end, form.close, true) ?? read.end;
    // Calls in a list have commas or semicolons between them.
    const [comma] = /^\s*[,;]?\s*/.exec(text.slice(at))!;
    at += comma.length;
  }
  if (calls.length === 0) return none;
  const content = [text.slice(0, start).trimEnd(), text.slice(end).trim()].filter((part) => part !== '');
  return { content: content.join('\n'), calls };
}

/** The position after white space and a mark. @param optional whether the mark may be missing @returns undefined if it is missing */
function skip(text: string, from: number, mark: string, optional: boolean): number | undefined {
  const at = from + (/^\s*/.exec(text.slice(from))?.[0].length ?? 0);
  if (text.startsWith(mark, at)) return at + mark.length;
  return optional ? at : undefined;
}

function callAt(text: string, from: number, form: CallForm): { call: WrittenCall; end: number } | undefined {
  let at = from + (/^\s*/.exec(text.slice(from))?.[0].length ?? 0);
  if (form.kind === 'object') {
    const read = text[at] === '{' ? objectAt(text, at) : undefined;
    const name = read?.value[form.nameKey];
    const given = read && argumentsIn(read.value[form.argumentsKey]);
    return read && given && typeof name === 'string'
      ? { call: { name, arguments: given }, end: read.end }
      : undefined;
  }
  NAMED.lastIndex = at;
  const name = NAMED.exec(text)?.[0];
  if (name === undefined) return undefined;
  const after = skip(text, at + name.length, form.between, false);
  if (after === undefined) return undefined;
  at = after + (/^\s*/.exec(text.slice(after))?.[0].length ?? 0);
  const read = text[at] === '{' ? objectAt(text, at) : undefined;
  return read && { call: { name, arguments: read.value }, end: read.end };
}

/** An object, or a text of JSON with one; none counts as empty. */
function argumentsIn(value: unknown): JsonObject | undefined {
  if (value === undefined || value === null) return {};
  const read = typeof value === 'string' ? parsed(value) : value;
  return isObject(read) ? read : undefined;
}
