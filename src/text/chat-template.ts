/**
 * Chat templates, as transformers renders them (`apply_chat_template`): Jinja with trim_blocks and lstrip_blocks, `raise_exception`,
 * `strftime_now`, `range`, `namespace`, `tojson`, {% generation %} ignored; `documents` is none, and so is
 * `tools` unless a conversation has some.
 * https://huggingface.co/docs/transformers/chat_templating
 *
 * They run in a sandbox with limits (template-sandbox.ts), whatever they say.
 */
import { GraftError, messageOf } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import { SandboxedTemplate } from './sandboxed-template.ts';
import { MAX_ITEMS, MAX_TEXT, SandboxLimit } from './template-sandbox.ts';
import type { ToolCall } from './trainable.ts';

const MAX_MESSAGES = 4096;
/** Units of work (template-sandbox.ts): templates in use need 50 to 500 a message. */
const BASE_BUDGET = 1_000_000;
const BUDGET_PER_MESSAGE = 5_000;
/**
 * The budget of all renderings of a template together: a thousand rows that each used the whole budget of one rendering would take a quarter of an
 * hour. Ten renderings may use their whole budget, and every message adds four times what common templates need for one.
 */
const SHARED_BUDGET = 10 * BASE_BUDGET;
const SHARED_BUDGET_PER_MESSAGE = 2_000;

export interface ChatMessage {
  readonly role: string;
  readonly content: string;
  readonly tool_calls?: readonly ToolCall[];
  readonly name?: string;
  readonly tool_call_id?: string;
}

/** A message as templates see it: a field that it does not have is undefined there. */
const seenBy = ({ role, content, tool_calls, name, tool_call_id }: ChatMessage): Record<string, unknown> => ({
  ...{ role, content },
  ...(tool_calls !== undefined && { tool_calls }),
  ...(name !== undefined && { name }),
  ...(tool_call_id !== undefined && { tool_call_id }),
});

/** The characters that a value has as JSON; 0 if there is none. */
const jsonChars = (value: unknown): number => (value === undefined ? 0 : JSON.stringify(value).length);

export interface RenderOptions {
  /** Whether the text ends with the header of an assistant's turn. */
  addGenerationPrompt: boolean;
  bosToken?: string;
  eosToken?: string;
  /** Definitions of tools that the template writes. */
  tools?: readonly JsonObject[];
  /** More variables for the template: `enable_thinking`, `date_string` … Plain JSON values. */
  variables?: Readonly<Record<string, unknown>>;
  /** The time of `strftime_now`. Default: now. */
  now?: Date;
  /** The file that the template comes from, for messages. */
  where?: string;
}

/** Raised by the template itself, through `raise_exception`. */
class Refusal extends Error {}

const REMEDY = 'Choose another template, or the one that the model was published with.';

function failed(cause: unknown): GraftError {
  if (cause instanceof Refusal) {
    return new GraftError(
      'chat-template-refused',
      `The chat template refuses this conversation: ${cause.message}`,
      'Change the conversation as it says.',
      { cause },
    );
  }
  if (cause instanceof SandboxLimit) {
    return new GraftError('chat-template-limit', `The chat template was stopped: ${cause.message}.`, REMEDY, {
      cause,
    });
  }
  if (cause instanceof RangeError) {
    // A stack or a string that exceeded the engine's limit.
    return new GraftError(
      'chat-template-limit',
      'The chat template was stopped: it nests too deeply.',
      REMEDY,
      { cause },
    );
  }
  return new GraftError(
    'chat-template',
    `The chat template does not work: ${messageOf(cause).slice(0, 300)}.`,
    REMEDY,
    { cause },
  );
}

/** Python's `range`, no longer than the sandbox allows. */
function range(...args: unknown[]): number[] {
  const numbers = args.filter((arg) => arg !== undefined);
  if (
    numbers.length < 1 ||
    numbers.length > 3 ||
    !numbers.every((n) => typeof n === 'number' && Number.isSafeInteger(n))
  ) {
    throw new Error('range() takes one to three whole numbers');
  }
  const [start, stop, step] = (
    numbers.length === 1 ? [0, numbers[0], 1] : [numbers[0], numbers[1], numbers[2] ?? 1]
  ) as number[];
  if (step === 0) throw new Error('range() step must not be zero');
  const length = Math.max(0, Math.ceil((stop - start) / step));
  if (length > MAX_ITEMS) throw new SandboxLimit(`it makes a list of more than ${MAX_ITEMS} items`);
  return Array.from({ length }, (_, i) => start + i * step);
}

const MONTHS = 'January February March April May June July August September October November December'.split(
  ' ',
);
const DAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ');

/** C's strftime, in English and local time, for the directives that templates use; others stay as they are. */
function strftime(now: Date, format: unknown): string {
  const two = (n: number): string => String(n).padStart(2, '0');
  const directives: Record<string, () => string> = {
    Y: () => String(now.getFullYear()),
    y: () => two(now.getFullYear() % 100),
    m: () => two(now.getMonth() + 1),
    d: () => two(now.getDate()),
    H: () => two(now.getHours()),
    I: () => two(now.getHours() % 12 || 12),
    M: () => two(now.getMinutes()),
    S: () => two(now.getSeconds()),
    p: () => (now.getHours() < 12 ? 'AM' : 'PM'),
    B: () => MONTHS[now.getMonth()],
    b: () => MONTHS[now.getMonth()].slice(0, 3),
    A: () => DAYS[now.getDay()],
    a: () => DAYS[now.getDay()].slice(0, 3),
    '%': () => '%',
  };
  return String(format).replace(/%([YymdHIMSpBbAa%])/g, (_, directive: string) => directives[directive]());
}

/** A template, parsed once. */
export class ChatTemplate {
  readonly #template: SandboxedTemplate;
  /** Units of work that are left for all renderings together. */
  #left = SHARED_BUDGET;

  /** Throws `chat-template` (it cannot be read) or `chat-template-limit` (too long, too deep). */
  constructor(readonly source: string) {
    try {
      this.#template = new SandboxedTemplate(source);
    } catch (cause) {
      throw failed(cause);
    }
  }

  /**
   * The conversation as one text.
   * Throws `chat-template-refused` (the template's own objection, such as roles that do not alternate), `chat-template-limit` (stopped by
   * the sandbox), `chat-template-budget` (all renderings together did too much work) or `chat-template` (an error in the template).
   */
  render(messages: readonly ChatMessage[], options: RenderOptions): string {
    const { addGenerationPrompt, bosToken, eosToken, tools, variables, now = new Date(), where } = options;
    if (messages.length > MAX_MESSAGES)
      throw failed(new SandboxLimit(`the conversation has ${messages.length} messages`));
    const chars = messages.reduce(
      (sum, { content, tool_calls }) => sum + content.length + jsonChars(tool_calls),
      jsonChars(tools),
    );
    if (chars > MAX_TEXT) throw failed(new SandboxLimit(`the conversation has ${chars} characters`));
    const globals: Record<string, unknown> = {
      true: true,
      false: false,
      none: null,
      True: true,
      False: false,
      None: null,
      range,
      strftime_now: (format: unknown) => strftime(now, format),
      raise_exception: (message: unknown) => {
        throw new Refusal(String(message).slice(0, 300));
      },
      tools: tools ?? null,
      documents: null,
      ...(bosToken === undefined ? {} : { bos_token: bosToken }),
      ...(eosToken === undefined ? {} : { eos_token: eosToken }),
      ...variables,
      messages: messages.map(seenBy),
      add_generation_prompt: addGenerationPrompt,
    };
    this.#left += SHARED_BUDGET_PER_MESSAGE * messages.length + chars;
    const own = BASE_BUDGET + BUDGET_PER_MESSAGE * messages.length + chars;
    const budget = Math.min(own, this.#left);
    let left = budget;
    try {
      return this.#template.render(globals, budget, (units) => void (left = units));
    } catch (cause) {
      if (budget < own && left < 0) throw overspent(where, cause);
      throw failed(cause);
    } finally {
      this.#left -= budget - Math.max(0, left);
    }
  }
}

function overspent(where: string | undefined, cause: unknown): GraftError {
  return new GraftError(
    'chat-template-budget',
    `The chat template${where === undefined ? '' : ` of ${where}`} was stopped: it works far longer on every conversation than templates do.`,
    REMEDY,
    { cause },
  );
}

let latest: ChatTemplate | undefined;

/** {@link ChatTemplate.render} of a template's source; the last one used stays parsed. */
export function renderChat(
  template: string,
  messages: readonly ChatMessage[],
  options: RenderOptions,
): string {
  if (latest?.source !== template) latest = new ChatTemplate(template);
  return latest.render(messages, options);
}
