/** 1 if completion and wanted answer have the same words, by the rules of SQuAD 1.1 (Rajpurkar et al., 2016). */
import { tokenF1 } from '../evaluate/metrics/token-f1.ts';
import { wantedAnswer, type RewardKind } from './kind.ts';
import { tagNeeded, WITHIN, within, withinProblem } from './within.ts';

export const normalisedMatch = {
  name: 'normalised-match',
  label: 'Right in its words',
  help: '1 where the completion has the words of the wanted answer, in their order: capitals, punctuation and a, an, the do not count.',
  settings: [WITHIN],
  range: [0, 1],
  compares: () => true,
  needs: ({ within: tag }) => tagNeeded(tag),
  instead: 'leave “within” empty, so that the whole answer is compared',
  problem: (values) => withinProblem(values['within']),
  open: ({ within: tag }) => ({
    score(attempt) {
      const wanted = tokenF1.normalise(wantedAnswer(attempt));
      const given = within(attempt.completion, String(tag));
      return given !== undefined && tokenF1.normalise(given) === wanted ? 1 : 0;
    },
  }),
} as const satisfies RewardKind;
