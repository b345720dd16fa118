/** The base model with an adapter, with the question alone. */
import type { Method } from './method.ts';

export const adapter: Method = {
  name: 'adapter',
  title: 'Adapter',
  help: 'each adapter, with only the question',
  term: 'adapter',
  kind: 'adapter',
  noun: 'the adapter',
  what: () => 'only the question',
  doing: () => 'the adapter',
  answer: async ({ model, asked, signal }) => ({
    answers: await model.answer(
      asked.map(({ question }) => question),
      signal,
    ),
  }),
  loss: ({ model, signal }) => model.loss(signal),
};
