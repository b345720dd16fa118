/** Settings of a run that samples and scores answers. Flags are named like TRL's settings. */
import type { Setting } from '../../settings/setting.ts';
import { REWARDS_SETTING } from '../../scorers/rewards/setting.ts';
import { BETA, REFERENCE } from '../pairs.ts';
import { TEMPERATURE } from '../temperature.ts';

const SHAO = 'Shao and others, DeepSeekMath, 2024';
const SCHULMAN = 'Schulman and others, Proximal Policy Optimization, 2017';
const DAPO = 'Yu and others, DAPO, 2025';

const NUM_GENERATIONS = {
  name: 'numGenerations',
  part: 'run',
  type: 'integer',
  min: 2,
  max: 256,
  flag: 'num-generations',
  group: 'Goal',
  label: 'Generations per prompt',
  term: {
    id: 'group-size',
    name: 'Generations per prompt (group)',
    entry: {
      what: 'How many answers are sampled for each prompt of a step. An answer counts by how much better it is than the others of its group, so no second model has to judge it.',
      more: 'Rare successes are found, and steps are steadier and slower.',
      less: 'Steps are quick, and more groups are all right or all wrong: these teach nothing.',
      start: '8.',
      source: SHAO,
      also: 'num_generations rollouts samples per prompt grpo',
    },
  },
  help: 'How many answers are sampled for each prompt.',
  more: 'They are compared with each other.',
  default: 8,
} as const satisfies Setting;

const MAX_COMPLETION_LENGTH = {
  name: 'maxCompletionLength',
  part: 'run',
  type: 'integer',
  min: 1,
  max: 100_000,
  flag: 'max-completion-length',
  group: 'Goal',
  label: 'Maximum completion length',
  unit: 'tokens',
  term: {
    id: 'completion-length',
    name: 'Maximum completion length',
    entry: {
      what: 'The maximum number of tokens of a sampled answer. A longer one is truncated, and scored as it is.',
      more: 'Long answers fit; a step takes more memory and time.',
      less: 'Steps are quick, and answers that need more room are never right.',
      start: 'A little more than the right answers need.',
      source: SHAO,
      also: 'max_completion_length cut truncated',
    },
  },
  help: 'The maximum number of tokens of a sampled answer.',
  more: 'A longer answer is truncated.',
  default: 64,
} as const satisfies Setting;

const LOSS_TYPE = {
  name: 'lossType',
  part: 'run',
  type: 'choice',
  choices: ['dapo', 'grpo', 'dr_grpo', 'bnpo'],
  labels: {
    dapo: 'Mean over all tokens of the step (DAPO)',
    grpo: 'Mean over answers, each a mean over its tokens (GRPO)',
    dr_grpo: 'Sum over tokens by the longest length (Dr. GRPO)',
    bnpo: 'Mean over the tokens of each batch (BNPO)',
  },
  flag: 'loss-type',
  placeholder: 'T',
  group: 'Goal',
  label: 'Loss type',
  advanced: true,
  term: {
    id: 'loss-type',
    name: 'Loss type',
    entry: {
      what: 'How the losses of tokens are averaged. A mean over answers (grpo) makes tokens of long answers count less; a mean over all tokens of a step (dapo) counts them alike.',
      start: 'dapo.',
      source: `${DAPO}; Liu and others, Understanding R1-Zero-Like Training, 2025`,
      also: 'dapo dr grpo bnpo normalisation',
    },
  },
  help: 'How the losses of tokens are averaged.',
  default: 'dapo',
} as const satisfies Setting;

const EPSILON = {
  name: 'epsilon',
  part: 'run',
  type: 'number',
  above: 0,
  below: 1,
  flag: 'epsilon',
  group: 'Goal',
  label: 'Epsilon',
  advanced: true,
  term: {
    id: 'epsilon-clip',
    name: 'Epsilon (clipping)',
    entry: {
      what: 'How far the probability of a token may move from what it was when the answer was sampled, as a ratio: beyond 1 − epsilon and 1 + epsilon it teaches nothing more. With one update for each sample the ratio is 1 and nothing is clipped.',
      more: 'Each batch of samples can move the model further.',
      less: 'Steps are more careful.',
      start: '0.2.',
      source: SCHULMAN,
      also: 'clip ratio ppo',
    },
  },
  help: 'How far a token’s probability may move from what it was when it was sampled, as a ratio below and above 1.',
  default: 0.2,
} as const satisfies Setting;

const EPSILON_HIGH = {
  name: 'epsilonHigh',
  part: 'run',
  type: 'number',
  above: 0,
  max: 100,
  flag: 'epsilon-high',
  group: 'Goal',
  label: 'Upper epsilon',
  advanced: true,
  term: {
    id: 'epsilon-high',
    name: 'Upper epsilon',
    entry: {
      what: 'The same limit for probabilities that rise. A higher one lets rare tokens of good answers grow, which keeps variety.',
      start: 'The same as epsilon, or 0.28.',
      source: DAPO,
      also: 'clip higher epsilon_high',
    },
  },
  help: 'The limit above 1, if it differs from the one below.',
  default: ({ epsilon }) => (typeof epsilon === 'number' ? epsilon : 0.2),
  defaultText: 'the same as epsilon',
} as const satisfies Setting;

const KL_CORRECTION = {
  name: 'klCorrection',
  part: 'run',
  type: 'switch',
  flag: 'no-kl-correction',
  group: 'Goal',
  label: 'KL correction',
  advanced: true,
  term: {
    id: 'kl-correction',
    name: 'KL correction',
    entry: {
      what: 'The divergence from the reference is estimated from sampled tokens. After the first update of a batch these are samples of an older policy: multiplied by the ratio of probabilities, the estimate is right again.',
      start: 'On. Off is the estimate of the paper.',
      source: 'Liu and others, DeepSeek-V3.2, 2025',
      also: 'kl bias correction k3',
    },
  },
  help: 'Multiplies the KL divergence from the reference by the ratio of probabilities.',
  off: 'Take the KL divergence from the reference as in the paper, not multiplied by the ratio.',
  default: true,
} as const satisfies Setting;

const NUM_ITERATIONS = {
  name: 'numIterations',
  part: 'run',
  type: 'integer',
  min: 1,
  max: 100,
  flag: 'num-iterations',
  group: 'Goal',
  label: 'Iterations',
  advanced: true,
  term: {
    id: 'num-iterations',
    name: 'Iterations (updates per sample)',
    entry: {
      what: 'How many updates are made with the answers of a step before new ones are sampled.',
      more: 'Sampling pays more, and the answers grow stale: clipping holds that in bounds.',
      start: '1.',
      source: SHAO,
      also: 'num_iterations mu off policy',
    },
  },
  help: 'How many updates are made with the answers of a step.',
  default: 1,
} as const satisfies Setting;

const TOP_P = {
  name: 'topP',
  part: 'run',
  type: 'number',
  above: 0,
  max: 1,
  flag: 'top-p',
  group: 'Goal',
  label: 'Top-p',
  advanced: true,
  term: { id: 'top-p', name: 'Top-p (nucleus)' },
  help: 'Only the most likely tokens that together have this probability are sampled.',
  more: '1 takes all.',
  default: 1,
} as const satisfies Setting;

const TOP_K = {
  name: 'topK',
  part: 'run',
  type: 'integer',
  min: 0,
  zero: 'all',
  flag: 'top-k',
  group: 'Goal',
  label: 'Top-k',
  advanced: true,
  term: { id: 'top-k', name: 'Top-k' },
  help: 'Only so many of the most likely tokens are sampled.',
  more: '0 takes all.',
  default: 0,
} as const satisfies Setting;

const MASK_TRUNCATED = {
  name: 'maskTruncated',
  part: 'run',
  type: 'switch',
  flag: 'mask-truncated-completions',
  group: 'Goal',
  label: 'Mask truncated answers',
  advanced: true,
  term: {
    id: 'mask-truncated',
    name: 'Mask truncated answers',
    entry: {
      what: 'Truncated answers give no gradient. Their rewards still count in their groups.',
      start: 'Off; on if truncated answers would have been right.',
      source: DAPO,
      also: 'mask_truncated_completions overlong filtering',
    },
  },
  help: 'Truncated answers give no gradient.',
  default: false,
} as const satisfies Setting;

const SCALE_REWARDS = {
  name: 'scaleRewards',
  part: 'run',
  type: 'choice',
  choices: ['group', 'batch', 'none'],
  labels: {
    group: 'Standard deviation of the group',
    batch: 'Standard deviation of the step',
    none: 'None',
  },
  flag: 'scale-rewards',
  placeholder: 'S',
  group: 'Goal',
  label: 'Reward scaling',
  advanced: true,
  term: {
    id: 'scale-rewards',
    name: 'Reward scaling',
    entry: {
      what: 'The advantage of an answer is its reward less the mean of its group, divided by this. The standard deviation of the group makes every prompt count alike. Without it, groups whose answers hardly differ count less.',
      start: 'The standard deviation of the group.',
      source: 'Liu and others, Understanding R1-Zero-Like Training, 2025',
      also: 'scale_rewards dr grpo standard deviation',
    },
  },
  help: 'The divisor of advantages: a reward less the mean of its group is divided by it.',
  default: 'group',
} as const satisfies Setting;

export const GRPO_SETTINGS = [
  REWARDS_SETTING,
  NUM_GENERATIONS,
  MAX_COMPLETION_LENGTH,
  BETA,
  REFERENCE,
  LOSS_TYPE,
  EPSILON,
  EPSILON_HIGH,
  KL_CORRECTION,
  NUM_ITERATIONS,
  TEMPERATURE,
  TOP_P,
  TOP_K,
  MASK_TRUNCATED,
  SCALE_REWARDS,
] as const satisfies readonly Setting[];
