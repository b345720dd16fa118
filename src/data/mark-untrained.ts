/** Parts of answers that a person marks in a form: not to be trained on, or to be trained on again. */
import type { ExampleContent } from '../text/trainable.ts';
import type { CharSpan } from '../text/untrained.ts';

/** An answer whose parts can be marked. */
export interface MarkableAnswer {
  readonly text: string;
  readonly untrained: readonly CharSpan[];
}

/** The place of a turn by the name of its field (`edit-fields.ts`); -1 for any other field. */
const turnOf = (id: string): number => Number(/^turn (\d+)$/.exec(id)?.[1] ?? 0) - 1;

/** The answer in a field; undefined if it is none, or is compared or judged as a whole. @param id of the field */
export function markableIn(content: ExampleContent, id: string): MarkableAnswer | undefined {
  if (content.kind === 'completion' && id === 'answer')
    return { text: content.completion, untrained: content.untrained ?? [] };
  const turn = content.kind === 'messages' ? content.messages.at(turnOf(id)) : undefined;
  if (turnOf(id) < 0 || turn?.role !== 'assistant' || turn.supervised === false) return undefined;
  return { text: turn.content, untrained: turn.untrained ?? [] };
}

/**
 * The example with a part of an answer marked, or trained on again.
 *
 * @param selection in UTF-16 units of the text, as a text field has it; half a character counts as a whole one
 */
export function withMarked(
  content: ExampleContent,
  id: string,
  selection: { readonly start: number; readonly end: number },
  isTrained: boolean,
): ExampleContent {
  const answer = markableIn(content, id);
  if (!answer || selection.start >= selection.end) return content;
  const characters: number[] = [];
  let unit = 0;
  for (const [at, character] of [...answer.text].entries()) {
    if (unit < selection.end && unit + character.length > selection.start) characters.push(at);
    unit += character.length;
  }
  const isMarked = new Set(answer.untrained.flatMap(([start, end]) => range(start, end)));
  for (const at of characters) {
    if (isTrained) isMarked.delete(at);
    else isMarked.add(at);
  }
  return withParts(content, id, partsOf(isMarked));
}

const range = (start: number, end: number): number[] =>
  Array.from({ length: end - start }, (_, at) => start + at);

function partsOf(places: ReadonlySet<number>): CharSpan[] {
  const parts: [number, number][] = [];
  for (const at of [...places].sort((a, b) => a - b)) {
    const last = parts.at(-1);
    if (last?.[1] === at) last[1]++;
    else parts.push([at, at + 1]);
  }
  return parts;
}

function withParts(content: ExampleContent, id: string, parts: readonly CharSpan[]): ExampleContent {
  const marks = parts.length > 0 ? { untrained: parts } : {};
  if (content.kind === 'completion') {
    const { untrained: _, ...unmarked } = content;
    return { ...unmarked, ...marks };
  }
  if (content.kind !== 'messages') return content;
  const messages = content.messages.map((message, at) => {
    if (at !== turnOf(id)) return message;
    const { untrained: _, ...unmarked } = message;
    return { ...unmarked, ...marks };
  });
  return { ...content, messages };
}

/** The marked parts as texts. */
export const markedTexts = ({ text, untrained }: MarkableAnswer): string[] =>
  untrained.map(([start, end]) => [...text].slice(start, end).join(''));
