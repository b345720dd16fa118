/** The base model hears the task, and the labels if answers are labels, before each question; with examples of training or without. */
import { answerEngineered, lossEngineered } from './engineered.ts';
import { examplesBefore } from './few-shot.ts';
import type { EvalRequest, Method } from './method.ts';

const withoutExamples = ({ instruction = '' }: EvalRequest) => ({ instruction, choice: 'random' }) as const;
const withExamples = ({ instruction = '', examples = 'nearest', shots }: EvalRequest) => ({
  instruction,
  choice: examples,
  shots,
});

export const instructed: Method = {
  name: 'instructed',
  title: 'Base, instructed',
  help: 'the base model with an instruction before each question: the task, and the labels if there are some',
  term: 'instructed',
  kind: 'base',
  noun: 'the instructed base model',
  what: ({ instruction = '' }) => `an instruction of ${instruction.length} characters, then the question`,
  doing: () => 'the base model with an instruction',
  answer: async (exam) =>
    exam.instruction === undefined || exam.instruction === ''
      ? undefined
      : answerEngineered(exam, withoutExamples(exam)),
  loss: (exam) => lossEngineered(exam, withoutExamples(exam)),
};

export const instructedFewShot: Method = {
  ...instructed,
  name: 'instructed-few-shot',
  title: 'Base, instructed, with examples',
  help: 'the same instruction, and before each question the training rows that share most words with it',
  noun: 'the instructed base model with examples',
  what: (detail) => `the instruction and ${examplesBefore(detail)}, then the question`,
  doing: (detail) => `the base model with an instruction and ${examplesBefore(detail)} in its prompt`,
  answer: async (exam) =>
    exam.instruction === undefined || exam.instruction === ''
      ? undefined
      : answerEngineered(exam, withExamples(exam)),
  loss: (exam) => lossEngineered(exam, withExamples(exam)),
};
