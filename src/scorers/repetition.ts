/** The share of repeated runs of four words in an answer: seq-rep-4 of Welleck et al., Neural Text Generation with Unlikelihood Training, 2019. */
import { percent } from '../numbers.ts';
import type { AttemptScorer, Need } from './scorer.ts';

/** Words of a run. */
const N = 4;

/** 1 − different runs / runs; 0 for fewer than N words. */
function repeatedShare(text: string): number {
  const words = text.match(/\S+/g) ?? [];
  const runs = words.length - N + 1;
  if (runs < 1) return 0;
  const different = new Set(Array.from({ length: runs }, (_, at) => words.slice(at, at + N).join(' ')));
  return 1 - different.size / runs;
}

export const repetition = {
  of: 'attempts',
  name: 'repetition',
  label: 'Repetition',
  heading: 'repetition',
  help: 'The share of runs of four words that the answer repeats (seq-rep-4), 0 with fewer than four words; as a reward a penalty, down to −1.',
  entry: {
    title: 'Repetition (seq-rep-4)',
    what: 'The share of runs of four words in an answer that stood in it before. 0 says that no run is repeated. An answer in a loop has nearly 100%. Words are what white space divides.',
    less: 'Fewer loops. Some runs repeat in good texts as well, so compare with the references.',
    start:
      'For long answers. As a reward it is a penalty: minus this share, so that an answer in a loop gets nearly −1.',
    source: 'Welleck et al., Neural Text Generation with Unlikelihood Training, 2019, arXiv:1908.04319',
    also: 'seq-rep-4 repeat loop degeneration n-gram diversity distinct',
  },
  better: 'lower',
  format: percent,
  settings: [],
  range: [0, 1],
  needs: (): readonly Need[] => [],
  open: () => ({ score: ({ completion }) => repeatedShare(completion) }),
} as const satisfies AttemptScorer;
