/** Rewards that count only what no prompt asks for are asked about before a run. */
import { expect, test } from 'vitest';
import { rewardWarnings } from '../../../src/scorers/rewards/reward-warnings.ts';

const SUMS = [
  { prompt: 'What is 2 + 3?', answer: '5' },
  { prompt: 'What is 4 + 4?', answer: '8' },
];

test('a marker, or a tag, that no prompt and no wanted answer shows', () => {
  expect(rewardWarnings([{ name: 'number-match' }], SUMS)).toEqual([
    {
      key: 'rewards',
      what: 'The reward number-match counts only with “####” in the answer, and no prompt or reference answer shows that.',
      usual:
        'A model rarely writes it by chance, and then learns nothing. Ask for it in the prompts, or let the last number count, whatever stands before it (extraction: flexible).',
    },
  ]);
  const [{ what }, ...others] = rewardWarnings(
    [
      { name: 'format-tags' },
      { name: 'exact-match', within: 'answer' },
      { name: 'normalised-match', within: '' },
    ],
    [{ prompt: 'Write <think> first.', answer: 'yes' }],
  );
  expect(what).toContain('counts only with “<answer>” in the answer');
  expect(others.map((doubt) => doubt.what)).toEqual([
    'The reward exact-match counts only with “<answer>” in the answer, and no prompt or reference answer shows that.',
  ]);
});

test('no doubt where a prompt asks for it, a wanted answer has it, any number counts, or the reward is only shown', () => {
  const asks = [{ prompt: 'What is 2 + 3? End with #### and the number.' }];
  const has = [{ prompt: 'What is 2 + 3?', answer: 'It is 5.\n#### 5' }];
  for (const rows of [asks, has, []]) expect(rewardWarnings([{ name: 'number-match' }], rows)).toEqual([]);
  expect(rewardWarnings([{ name: 'number-match', extraction: 'flexible' }], SUMS)).toEqual([]);
  expect(rewardWarnings([{ name: 'number-match', weight: 0 }], SUMS)).toEqual([]);
  expect(rewardWarnings([{ name: 'length' }, { name: 'regex', pattern: '^a' }], SUMS)).toEqual([]);
});
