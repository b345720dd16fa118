/** The setting that holds the rewards of a run, for an objective that learns from them. */
import type { RewardsSetting } from '../../settings/setting.ts';
import { schemaOf } from '../../settings/value-schema.ts';
import { REWARD_SCORERS } from '../lists.ts';
import { LONGEST_NAME } from '../spec.ts';
import { MAX_REWARDS, MAX_WEIGHT, rewardsProblem } from './specs.ts';

function rewardsSchema(): Readonly<Record<string, unknown>> {
  const items = REWARD_SCORERS.map(({ name, aliases = [], help, settings }) => ({
    type: 'object',
    description: help,
    additionalProperties: false,
    required: [
      'name',
      ...settings.filter(({ default: initial }) => initial === undefined).map((one) => one.name),
    ],
    properties: {
      name: aliases.length === 0 ? { const: name } : { enum: [name, ...aliases] },
      as: {
        description: 'The name under which its scores are listed.',
        ...{ type: 'string', minLength: 1, maxLength: LONGEST_NAME },
      },
      weight: { type: 'number', minimum: -MAX_WEIGHT, maximum: MAX_WEIGHT, default: 1 },
      ...Object.fromEntries(
        settings.map((setting) => [
          setting.name,
          {
            description: setting.help,
            ...(setting.holds === 'json' ? {} : schemaOf(setting)),
            ...(setting.default !== undefined && { default: setting.default }),
          },
        ]),
      ),
    },
  }));
  return { type: 'array', minItems: 1, maxItems: MAX_REWARDS, items: { oneOf: items } };
}

/** Its flag may be given more than once; the form has a separate editor for it. */
export const REWARDS_SETTING = {
  name: 'rewards',
  part: 'run',
  type: 'rewards',
  flag: 'reward',
  placeholder: 'NAME[:W]|FILE …',
  label: 'Rewards',
  term: {
    id: 'reward',
    name: 'Reward',
    entry: {
      what: 'A rule that gives a completion a number: right or wrong, the right form, the right length. The numbers of several rewards, each times its weight, are added up, and the model learns to make answers with a high sum more likely.',
      more: 'A larger weight lets one reward decide over the others.',
      less: 'A weight of 0 shows a reward without counting it.',
      start:
        'One reward for the right answer with weight 1, one for its form with 0.2. Try them on a few texts before the run: whatever they leave open, the model will find.',
      source: 'Shao and others, DeepSeekMath, 2024, arXiv:2402.03300',
      also: 'grpo rlvr verifiable score function weight reward hacking',
    },
  },
  help: 'The rewards of a completion: names with their weights, JSON, or a file of JSON or JavaScript.',
  default: [{ name: 'exact-match', weight: 1 }],
  problem: (value) =>
    Array.isArray(value) ? rewardsProblem(value) : 'Write a list of rewards, each with its name.',
  schema: rewardsSchema,
} as const satisfies RewardsSetting;
