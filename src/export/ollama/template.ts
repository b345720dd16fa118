/**
 * A chat template as the Go template of a Modelfile (https://docs.ollama.com/template). Jinja is not translated word by word: most templates put
 * fixed texts around the messages, which show when a conversation of markers is rendered. Longer conversations prove that they are fixed.
 */
import { GraftError } from '../../errors.ts';
import { renderChat, type ChatMessage } from '../../text/chat-template.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';

/** The texts between messages. */
interface Between {
  /** Before the first question, without a system prompt. */
  readonly start: string;
  /** Before and after a system prompt; missing if the template takes none. */
  readonly system?: readonly [before: string, behind: string];
  /** Between a question and its answer. */
  readonly answer: string;
  /** Between an answer and the next question. */
  readonly question: string;
  /** Behind the last question. */
  readonly end: string;
}

type Source = Pick<Tokenizer, 'chatTemplate' | 'bosToken' | 'eosToken' | 'startId'>;

const marker = (number: number): string => `graft-marker-${number}`;
const ROLES = ['user', 'assistant'] as const;

/** A conversation that ends with a question. @param turns an odd number */
function conversation(turns: number, system: boolean): ChatMessage[] {
  const messages = Array.from({ length: turns }, (_, at) => ({
    role: ROLES[at % 2],
    content: marker(at + 1),
  }));
  return system ? [{ role: 'system', content: marker(0) }, ...messages] : messages;
}

function render(source: Source, messages: readonly ChatMessage[], now: Date): string | undefined {
  const { chatTemplate, bosToken, eosToken, startId } = source;
  try {
    const text = renderChat(chatTemplate!, messages, { addGenerationPrompt: true, bosToken, eosToken, now });
    // Programs of llama.cpp add the first token themselves.
    return startId !== undefined && bosToken && text.startsWith(bosToken)
      ? text.slice(bosToken.length)
      : text;
  } catch (error) {
    if (error instanceof GraftError) return undefined;
    throw error;
  }
}

/** The texts around the markers of a conversation; undefined unless each marker stands there once, in order. */
function around(text: string | undefined, messages: readonly ChatMessage[]): string[] | undefined {
  if (text === undefined) return undefined;
  const pieces: string[] = [];
  let rest = text;
  for (const { content } of messages) {
    const at = rest.indexOf(content);
    if (at < 0) return undefined;
    pieces.push(rest.slice(0, at));
    rest = rest.slice(at + content.length);
  }
  return rest.includes('graft-marker') ? undefined : [...pieces, rest];
}

function betweenOf(source: Source, now: Date): Between | undefined {
  const pieces = (turns: number, system: boolean): string[] | undefined => {
    const messages = conversation(turns, system);
    return around(render(source, messages, now), messages);
  };
  const plain = pieces(3, false);
  if (!plain) return undefined;
  const [start, answer, question, end] = plain;
  const withSystem = pieces(1, true);
  const system = withSystem && ([withSystem[0], withSystem[1]] as const);
  const fixed = (turns: number, hasSystem: boolean): boolean => {
    const found = pieces(turns, hasSystem);
    const first = hasSystem ? system! : [start];
    const turnsBetween = Array.from({ length: turns - 1 }, (_, at) => (at % 2 === 0 ? answer : question));
    return JSON.stringify(found) === JSON.stringify([...first, ...turnsBetween, end]);
  };
  if (!fixed(1, false) || !fixed(5, false)) return undefined;
  if (system && !fixed(5, true)) return undefined;
  return { start, answer, question, end, ...(system && { system }) };
}

interface Translated {
  /** The Go template. */
  readonly template: string;
  /** What a person should know of it, in sentences. */
  readonly notes: readonly string[];
}

const DAY_MS = 86_400_000;

/** @returns undefined for a template that is more than fixed texts between messages */
export function ollamaTemplate(source: Source, now: Date): Translated | undefined {
  if (source.chatTemplate === undefined) return undefined;
  const between = betweenOf(source, now);
  if (!between) return undefined;
  const { start, system, answer, question, end } = between;
  const texts = [start, ...(system ?? []), answer, question, end];
  // Either would end a part of the Modelfile early.
  if (texts.some((text) => text.includes('{{') || text.includes('"""'))) return undefined;
  const later = betweenOf(source, new Date(now.getTime() + 400 * DAY_MS));
  const dated = JSON.stringify(later) !== JSON.stringify(between);
  const first = system ? `{{ if $system }}${system[1]}{{ else }}${start}{{ end }}` : start;
  const ofSystem = system
    ? `{{ if eq .Role "system" }}${system[0]}{{ .Content }}{{ $system = true }}{{ else if `
    : '{{ if ';
  return {
    template: [
      '{{ $first := true }}{{ $system := false }}{{ range .Messages }}',
      `${ofSystem}eq .Role "user" }}{{ if $first }}${first}{{ else }}${question}{{ end }}{{ $first = false }}{{ .Content }}`,
      `{{ else if eq .Role "assistant" }}${answer}{{ .Content }}{{ end }}{{ end }}${end}`,
    ].join(''),
    notes: [
      ...(system ? [] : ['The chat template takes no system prompt, so Ollama leaves it out.']),
      ...(dated ? ['The chat template writes a date: the Modelfile has that of the export.'] : []),
    ],
  };
}
