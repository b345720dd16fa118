/** The turns of an example, however it was written, and other examples before them. */
import type { Example } from '../../data/example.ts';
import type { Question } from '../../data/questions.ts';
import { singleOf, type ExampleContent, type TrainableMessage } from '../../text/trainable.ts';
import type { Demonstration } from './method.ts';

/** The text between examples if there is no chat template. */
const BETWEEN = '\n\n';

/** None for plain text. */
export function turnsOfExample(example: ExampleContent): readonly TrainableMessage[] {
  if (example.kind === 'messages') return example.messages;
  if (example.kind === 'prompt' && typeof example.prompt !== 'string') return example.prompt;
  if (example.kind === 'prompt') return [{ role: 'user', content: example.prompt as string }];
  if (example.kind !== 'completion') return [];
  return [
    { role: 'user', content: example.prompt },
    { role: 'assistant', content: example.completion },
  ];
}

/**
 * The example with others before it: as turns, or as text if there is no chat template. The loss counts only its own answer: of a pair the chosen
 * one.
 */
export function withShots(given: Example, shots: readonly Demonstration[], chat: boolean): Example {
  const { line } = given;
  const example: Example = { ...singleOf(given), line };
  if (!chat) {
    if (example.kind !== 'completion' && (example.kind !== 'prompt' || typeof example.prompt !== 'string'))
      return example;
    const before = shots
      .map(({ question: { ask, expected } }) => `${textOf(ask)}${expected}${BETWEEN}`)
      .join('');
    return { ...example, prompt: `${before}${example.prompt as string}` };
  }
  const own = turnsOfExample(example);
  const system = own[0]?.role === 'system' ? own.slice(0, 1) : [];
  const before = shots.flatMap(({ question: { ask, expected } }): TrainableMessage[] => [
    ...(typeof ask === 'string' ? [{ role: 'user' as const, content: ask }] : ask)
      .filter(({ role }) => role !== 'system')
      .map(context),
    context({ role: 'assistant', content: expected }),
  ]);
  const messages = [...system, ...before, ...own.slice(system.length)];
  if (example.kind === 'prompt') return { ...example, prompt: messages };
  const tools = example.kind === 'messages' ? example.tools : undefined;
  return { kind: 'messages', messages, line, ...(tools && { tools }) };
}

const context = (message: TrainableMessage): TrainableMessage =>
  message.role === 'assistant' ? { ...message, supervised: false } : message;

const textOf = (ask: Question['ask']): string =>
  typeof ask === 'string' ? ask : ask.map(({ content }) => content).join('\n');
