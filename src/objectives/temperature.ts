/** What scores are divided by before they become probabilities: logits of tokens that are sampled, cosines of texts that are compared. */
import type { Setting } from '../settings/setting.ts';

export const TEMPERATURE = {
  name: 'temperature',
  part: 'run',
  type: 'number',
  above: 0,
  most: 10,
  flag: 'temperature',
  group: 'Goal',
  label: 'Temperature',
  advanced: true,
  term: { id: 'temperature', name: 'Temperature' },
  help: 'How freely answers are sampled while it trains; with contrastive, what cosines are divided by.',
  more: 'The loss is of the same distribution.',
  initial: 1,
  initially: '1, contrastive 0.05',
} as const satisfies Setting;
