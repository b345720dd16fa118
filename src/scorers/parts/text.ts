/** What all scorers have in common that compare two texts. */
import type { Need, ScorerValues } from '../scorer.ts';
import { tagNeeded, WITHIN, withinProblem } from './within.ts';

export const TEXT = {
  of: 'answers',
  better: 'higher',
  range: [0, 1],
  settings: [WITHIN],
  needs: (): readonly Need[] => ['reference'],
  marks: ({ within: tag }: ScorerValues) => tagNeeded(tag),
  instead: 'leave “within” empty, so that the whole answer is compared',
  problem: (values: ScorerValues) => withinProblem(values['within']),
} as const;
