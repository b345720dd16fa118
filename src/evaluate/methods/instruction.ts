/** An instruction before a question: the task in a sentence and, if answers are labels, the list of them. */
import type { Example } from '../../data/example.ts';
import { isShort } from '../../data/label.ts';
import { itemsOf, type List } from '../../lists.ts';
import { singleOf, type TrainableMessage } from '../../text/trainable.ts';
import { areLabels } from '../draw.ts';
import { turnsOfExample } from './turns.ts';

/** A longer list of labels is not put into a prompt. */
const MAX_LABELS = 200;
const BETWEEN = '\n\n';

/**
 * The labels among answers, in the order of the alphabet; none if answers are no labels.
 *
 * @param answers of the training rows, or of the asked ones if there are no training rows
 */
export function instructionLabels(answers: List<string>): readonly string[] {
  const different = new Set<string>();
  for (const answer of itemsOf(answers)) {
    different.add(answer.trim());
    // The empty one is no label.
    if (different.size > MAX_LABELS + 1) return [];
  }
  if (!areLabels(different.size, answers.length)) return [];
  const labels = [...different].filter((label) => label !== '');
  if (labels.length > MAX_LABELS || !labels.every(isShort)) return [];
  return labels.sort((a, b) => (a < b ? -1 : 1));
}

/** The instruction that is used unless a person writes another; '' if nothing is known of the task. @param goal the task in a sentence */
export function usualInstruction(goal: string, labels: readonly string[]): string {
  const task = goal.trim();
  const sentence = task === '' || /[.!?:]$/.test(task) ? task : `${task}.`;
  // A comma or a full stop between labels would look like a part of those that have some.
  const isPlain = labels.every((label) => !/[,;.!?:\n]/.test(label));
  const list = isPlain ? ` ${labels.join(', ')}.` : `\n${labels.join('\n')}`;
  const choice = labels.length === 0 ? '' : `Answer with one of these labels and nothing else:${list}`;
  return [sentence, choice].filter((part) => part !== '').join(' ');
}

/**
 * The example with an instruction before it: after its own system message, or else before the first words of the user, which every chat template
 * takes. Without a chat template it is the start of the text. Of a pair the chosen answer stays.
 */
export function withInstruction(given: Example, instruction: string, chat: boolean): Example {
  if (instruction === '') return given;
  const { line } = given;
  const example: Example = { ...singleOf(given), line };
  if (!chat) {
    if (example.kind !== 'completion' && (example.kind !== 'prompt' || typeof example.prompt !== 'string'))
      return example;
    return { ...example, prompt: `${instruction}${BETWEEN}${example.prompt as string}` };
  }
  const turns = turnsOfExample(example);
  const first = turns.findIndex(({ role }, at) => role === 'user' || (at === 0 && role === 'system'));
  const messages = turns.map((turn, at): TrainableMessage => {
    if (at !== first) return turn;
    const parts = turn.role === 'system' ? [turn.content, instruction] : [instruction, turn.content];
    return { ...turn, content: parts.join(BETWEEN) };
  });
  if (example.kind === 'prompt') return { ...example, prompt: messages };
  const tools = example.kind === 'messages' ? example.tools : undefined;
  return { kind: 'messages', messages, line, ...(tools && { tools }) };
}
