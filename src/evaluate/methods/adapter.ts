/** The base model with an adapter, with the question alone. */
import { answerBare } from './engineered.ts';
import type { Method } from './method.ts';
import { ADAPTER_METHOD } from './names.ts';

export const adapter: Method = {
  name: ADAPTER_METHOD,
  title: 'Adapter',
  help: 'each adapter, with only the question',
  term: 'adapter',
  kind: 'adapter',
  noun: 'the adapter',
  what: () => 'only the question',
  doing: () => 'the adapter',
  answer: answerBare,
  loss: ({ model, signal }) => model.loss(signal),
};
