/** Rows of the bundled files as people read them. */

interface Row {
  readonly messages: readonly { readonly role: string; readonly content: string }[];
}

/** One example as people read it. */
export interface StartExample {
  readonly prompt: string;
  readonly answer: string;
}

/** The first rows of a JSONL text with a question and an answer. The files are our own, so a bad line is an error. */
export function firstExamples(jsonl: string, count: number): StartExample[] {
  const examples: StartExample[] = [];
  for (const line of jsonl.split('\n')) {
    if (examples.length === count) break;
    if (line.trim() === '') continue;
    const { messages } = JSON.parse(line) as Row;
    const prompt = messages.find(({ role }) => role === 'user')?.content;
    const answer = messages.find(({ role }) => role === 'assistant')?.content;
    if (prompt !== undefined && answer !== undefined) examples.push({ prompt, answer });
  }
  return examples;
}
