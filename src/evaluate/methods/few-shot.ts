/** A few rows of training stand before each question: prompting before tuning, and the same with an adapter. */
import { plural } from '../../numbers.ts';
import { answerEngineered, lossEngineered } from './engineered.ts';
import type { Detail, EvalRequest, Method } from './method.ts';

/** “4 examples”, “the 4 nearest rows”, or “the 4 rows nearest by meaning”. */
export const examplesBefore = ({ shots = [], nearest, encoder }: Detail): string =>
  nearest === undefined
    ? plural(shots.length, 'example')
    : encoder !== undefined
      ? `the ${nearest === 1 ? 'row' : `${nearest} rows`} nearest by meaning`
      : nearest === 1
        ? 'the nearest row'
        : `the ${nearest} nearest rows`;

const bare = ({ shots, examples = 'random' }: EvalRequest) => ({ instruction: '', choice: examples, shots });

export const fewShot: Method = {
  name: 'few-shot',
  title: 'Base, with examples',
  help: 'the base model with examples of training before each question',
  term: 'few-shot',
  kind: 'base',
  noun: 'the base model with examples',
  what: (detail) => `${examplesBefore(detail)} before each question`,
  doing: (detail) => `the base model with ${examplesBefore(detail)} in its prompt`,
  answer: (exam) => answerEngineered(exam, bare(exam)),
  loss: (exam) => lossEngineered(exam, bare(exam)),
};

/** The same with an adapter. A run on rewards samples answers without examples, and the model may forget how to use them. */
export const adapterFewShot: Method = {
  ...fewShot,
  name: 'adapter-few-shot',
  title: 'Adapter, with examples',
  help: 'each adapter with the same examples (left out by itself, unless the adapter learned from rewards)',
  kind: 'adapter',
  noun: 'the adapter with examples',
  doing: (detail) => `the adapter with ${examplesBefore(detail)} in its prompt`,
};
