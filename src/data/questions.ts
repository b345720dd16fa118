/** Held-out examples as questions with an expected answer. */
import { itemsOf, type List } from '../lists.ts';
import type { Example } from './example.ts';
import type { JsonObject } from '../json.ts';
import type { ChatMessage } from '../text/chat-template.ts';
import { saidBy, singleOf, type TrainableMessage } from '../text/trainable.ts';
import { writtenTurn } from '../text/written-turn.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { Part } from './parts.ts';

/** Texts of which one is chosen as the answer, by its likelihood. */
export interface Choices {
  readonly texts: readonly string[];
  /** Whether the token that ends an answer counts: one text starts another one, and would always be the likelier of the two. */
  readonly ends: boolean;
}

/** An example as a question. */
export interface Question {
  /** As a person reads it. */
  readonly prompt: string;
  readonly expected: string;
  /** As the model gets it: a conversation, or a text that it continues. */
  readonly ask: readonly Omit<TrainableMessage, 'supervised'>[] | string;
  /** Definitions of the tools that the conversation has. */
  readonly tools?: readonly JsonObject[];
  /** The task of its row, in a mixture. */
  readonly task?: string;
  /** Missing if the answer is generated. */
  readonly choices?: Choices;
}

/**
 * The questions of examples: conversations up to their last answer, prompts with completions, pairs with their chosen answer, desirable answers. Plain
 * text has none.
 *
 * @param chatTemplate whether the model has one. The template itself also gives an expected call of a tool as the model should write it; without it the
 * call is JSON
 */
export function questionsOf(examples: readonly Example[], chatTemplate: boolean | string): Question[] {
  return examples.flatMap((given): Question[] => {
    if (given.kind === 'unpaired' && !given.desirable) return [];
    const example = singleOf(given);
    if (example.kind === 'completion') {
      const { prompt, completion, separator = '' } = example;
      const ask = chatTemplate !== false ? [{ role: 'user' as const, content: prompt }] : prompt + separator;
      return [{ prompt, expected: completion, ask }];
    }
    if (example.kind !== 'messages') return [];
    const { messages } = example;
    const last = messages.findLastIndex(
      ({ role, supervised }) => role === 'assistant' && supervised !== false,
    );
    if (last <= 0) return [];
    const before = messages.slice(0, last).map(({ supervised: _, untrained: __, ...message }) => message);
    const prompt = textOfPrompt(before);
    const answer = messages[last];
    const written =
      answer.tool_calls && typeof chatTemplate === 'string'
        ? writtenTurn(chatTemplate, example, last)
        : undefined;
    return [
      {
        prompt,
        expected: written ?? saidBy(answer),
        ask: before,
        ...(example.tools && { tools: example.tools }),
      },
    ];
  });
}

/** A prompt without an answer as a question: nothing is expected, and only rewards can score what is said to it. */
export function promptQuestionsOf(examples: readonly Example[], chatTemplate: boolean): Question[] {
  return examples.flatMap((example): Question[] => {
    if (example.kind !== 'prompt') return [];
    const prompt = textOfPrompt(example.prompt);
    if (!chatTemplate) return [{ prompt, expected: '', ask: prompt }];
    const turns =
      typeof example.prompt === 'string' ? [{ role: 'user' as const, content: prompt }] : example.prompt;
    return [{ prompt, expected: '', ask: turns.map(({ role, content }) => ({ role, content })) }];
  });
}

/** The question as a person reads it: a text, one turn's words, or all turns with their roles. */
export function textOfPrompt(
  prompt: string | readonly Pick<ChatMessage, 'role' | 'content' | 'tool_calls'>[],
): string {
  if (typeof prompt === 'string') return prompt;
  return prompt.length === 1
    ? prompt[0].content
    : prompt.map((message) => `${message.role}: ${saidBy(message)}`).join('\n');
}

/** A row as its question is made: `large` are rows that are read as they are asked for, of which it is known whether they have one. */
interface AskingRow {
  readonly example?: Example;
  readonly row: { readonly task?: { readonly name: string } };
  readonly large?: { readonly hasQuestion: boolean; readonly task?: { readonly name: string } | undefined };
}

/** The questions of rows, each with the task of its row; those of large files are made as they are asked for. */
export function questionsOfRows(rows: readonly AskingRow[], chatTemplate: boolean | string): List<Question> {
  const ofRow = (row: AskingRow): Question[] => {
    const { example } = row;
    const task = row.large ? row.large.task : row.row.task;
    const questions = example ? questionsOf([example], chatTemplate) : [];
    return task ? questions.map((question) => ({ ...question, task: task.name })) : questions;
  };
  if (!rows.some(({ large }) => large)) return rows.flatMap(ofRow);
  const asking = rows.filter((row) => row.large?.hasQuestion ?? ofRow(row).length > 0);
  return {
    length: asking.length,
    at: (index) => (index in asking ? ofRow(asking[index])[0] : undefined),
  };
}

/** The fields of rows that decide the form of their questions. */
interface Asking {
  readonly questions: List<Question>;
  readonly places: readonly { readonly example?: Example }[];
}

function askedOf({ questions, places }: Asking): List<Question> {
  if (questions.length > 0) return questions;
  const first = places.find(({ example }) => example)?.example;
  return first ? questionsOf([first], false) : questions;
}

/** The first question with this prompt. */
export function questionOf(questions: List<Question>, prompt: string): Question | undefined {
  for (const question of itemsOf(questions)) if (question.prompt === prompt) return question;
  return undefined;
}

const afterOf = (question: Question | undefined): string =>
  question && typeof question.ask === 'string' ? question.ask.slice(question.prompt.length) : '';

/**
 * The text between prompt and answer in rows for a model without a chat template, such as a new line: the model learns to answer after
 * it. '' if nothing does.
 */
export function afterPrompt(rows: Asking): string {
  return afterOf(askedOf(rows).at(0));
}

/** A prompt with that text after it, unless it ends with white space already. */
export function withAfter(prompt: string, after: string): string {
  return /\s$/.test(prompt) ? prompt : prompt + after;
}

/** A prompt as rows write it for a model without a chat template; one for a chat template is unchanged. */
export function asRowsAsk(
  rows: Asking,
  prompt: string,
  { chatTemplate }: Pick<Tokenizer, 'chatTemplate'>,
): string {
  if (chatTemplate !== undefined) return prompt;
  const same = questionOf(askedOf(rows), prompt);
  return same ? prompt + afterOf(same) : withAfter(prompt, afterPrompt(rows));
}

/** The most characters of a sample prompt. */
const MAX_PROMPT_CHARS = 1000;

/** A row with its part of the split. */
interface Placed {
  readonly example?: Example;
  readonly state: string;
  readonly part?: Part;
}

/** A prompt to ask as a sample: the first held-out one, if there is one. */
export function firstPrompt(places: readonly Placed[]): string | undefined {
  for (const part of ['validation', 'test', 'train'] as const) {
    for (const place of places) {
      if (place.part !== part || place.state !== 'ok') continue;
      const { example: given } = place;
      const example = given && singleOf(given);
      const prompt =
        example?.kind === 'completion'
          ? example.prompt
          : example?.kind === 'messages'
            ? example.messages.find(({ role }) => role === 'user')?.content
            : example?.kind === 'prompt'
              ? typeof example.prompt === 'string'
                ? example.prompt
                : example.prompt.findLast(({ role }) => role === 'user')?.content
              : undefined;
      if (prompt !== undefined && prompt.trim() !== '' && prompt.length <= MAX_PROMPT_CHARS) return prompt;
    }
  }
  return undefined;
}
