/** The base model as it is, with the question alone (zero-shot). */
import { answerBare } from './engineered.ts';
import type { Method } from './method.ts';
import { BASE } from './names.ts';

export const base: Method = {
  name: BASE,
  title: 'Base model',
  help: 'the base model with only the question',
  term: 'baseline',
  kind: 'base',
  noun: 'the base model',
  what: () => 'only the question',
  doing: () => 'the base model',
  answer: answerBare,
  loss: ({ model, signal }) => model.loss(signal),
};
