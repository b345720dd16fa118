/** The base model with an adapter, with the question alone. */
import type { Method } from './method.ts';

export const adapter: Method = {
  name: 'adapter',
  title: 'Adapter',
  help: 'each adapter, with the question alone',
  term: 'adapter',
  kind: 'adapter',
  noun: 'the adapter',
  what: () => 'the question alone',
  doing: () => 'the adapter',
  async answer({ model, asked }) {
    const answers = await model.ask(asked.map(({ question }) => question));
    const loss = await model.loss();
    return { answers, ...(loss && { loss }) };
  },
};
