/** Rows of the bundled files as people read them. */
import * as v from 'valibot';

const Row = v.object({ messages: v.array(v.object({ role: v.string(), content: v.string() })) });

/** One example as people read it. */
export interface Example {
  readonly prompt: string;
  readonly answer: string;
}

/** The first rows of a JSONL text with a question and an answer. The files are our own, so a bad line is an error. */
export function firstExamples(jsonl: string, count: number): Example[] {
  const examples: Example[] = [];
  for (const line of jsonl.split('\n')) {
    if (examples.length === count) break;
    if (line.trim() === '') continue;
    const { messages } = v.parse(Row, JSON.parse(line));
    const prompt = messages.find(({ role }) => role === 'user')?.content;
    const answer = messages.find(({ role }) => role === 'assistant')?.content;
    if (prompt !== undefined && answer !== undefined) examples.push({ prompt, answer });
  }
  return examples;
}
