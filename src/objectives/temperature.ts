/** What scores are divided by before they become probabilities: logits of tokens that are sampled, cosines of texts that are compared. */
import type { Setting } from '../settings/setting.ts';

export const TEMPERATURE = {
  name: 'temperature',
  part: 'run',
  type: 'number',
  above: 0,
  max: 10,
  flag: 'temperature',
  group: 'Goal',
  label: 'Temperature',
  advanced: true,
  term: { id: 'temperature', name: 'Temperature' },
  help: 'How random the sampled answers are during training.',
  more: 'The loss uses the same distribution. The objective contrastive divides cosines by it.',
  default: 1,
  defaultText: '1, contrastive 0.05',
} as const satisfies Setting;
