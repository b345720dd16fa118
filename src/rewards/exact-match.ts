/** 1 where the completion is exactly the wanted answer, ignoring white space at both ends. */
import { isExactMatch } from '../evaluate/metrics/exact-match.ts';
import { wantedAnswer, type RewardKind } from './kind.ts';
import { tagNeeded, WITHIN, within, withinProblem } from './within.ts';

export const exactMatch = {
  name: 'exact-match',
  label: 'Exactly right',
  help: '1 where the completion is the wanted answer to the letter, white space at the ends aside.',
  settings: [WITHIN],
  range: [0, 1],
  compares: () => true,
  needs: ({ within: tag }) => tagNeeded(tag),
  instead: 'leave “within” empty, so that the whole answer is compared',
  problem: (values) => withinProblem(values['within']),
  open: ({ within: tag }) => ({
    score(attempt) {
      const wanted = wantedAnswer(attempt);
      const given = within(attempt.completion, String(tag));
      return given !== undefined && isExactMatch(given, wanted) ? 1 : 0;
    },
  }),
} as const satisfies RewardKind;
