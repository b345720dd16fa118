/** Settings of prompt tuning: how many virtual tokens, and what they start as. */
import { adapterWords, type Learner } from '../learner.ts';
import type { Setting } from '../../settings/setting.ts';

/** More virtual tokens than a long prompt has only cost time. */
export const MAX_VIRTUAL_TOKENS = 1024;
const LONGEST_TEXT = 10_000;

const TERM = {
  id: 'virtual-tokens',
  name: 'Virtual tokens (soft prompt)',
  entry: {
    what: 'Learned vectors that stand before every prompt, in the place of tokens. They need not be like any word of the vocabulary.',
    more: 'Each holds a little more. Each also takes as much time and context as a token of a prompt.',
    less: 'Too few cannot describe the task.',
    start: '20 for a small model.',
    source:
      'Lester et al., The Power of Scale for Parameter-Efficient Prompt Tuning, 2021, arXiv:2104.08691; PEFT num_virtual_tokens',
    also: 'prompt tuning soft prompt num_virtual_tokens prompt_tuning_init_text',
  },
} as const;

const PROMPT_SETTINGS = [
  {
    name: 'virtualTokens',
    part: 'run',
    fixed: true,
    type: 'integer',
    min: 1,
    max: MAX_VIRTUAL_TOKENS,
    flag: 'virtual-tokens',
    group: 'Adapter',
    label: 'Virtual tokens',
    term: TERM,
    help: 'How many learned vectors stand before every prompt (PEFT num_virtual_tokens).',
    more: 'Each takes as long as a token of the prompt.',
    default: 20,
  },
  {
    name: 'promptText',
    part: 'run',
    fixed: true,
    type: 'text',
    longest: LONGEST_TEXT,
    flag: 'prompt-text',
    placeholder: 'TEXT',
    group: 'Adapter',
    label: 'Initial text',
    term: { id: TERM.id, name: TERM.name },
    help: 'The virtual tokens start as the tokens of this text, repeated or truncated to their number (PEFT prompt_tuning_init_text).',
    more: 'Without a text they start as tokens of the vocabulary, drawn by the seed.',
    default: '',
    defaultText: 'tokens of the vocabulary',
  },
] as const satisfies readonly Setting[];

export const PROMPT = {
  name: 'prompt',
  label: 'Prompt tuning',
  help: 'Trains a few vectors before every prompt, and nothing else: the smallest adapter, which cannot be merged.',
  settings: PROMPT_SETTINGS,
  words: adapterWords('Prompt tuning'),
  choice: {
    changes: 'A few vectors before each prompt, and nothing inside of the model.',
    wrong:
      'Much is new to the model, or the prompts fill its context already: the vectors take their place there.',
  },
  rate: 30,
  virtualTokens: ({ virtualTokens }) => virtualTokens as number,
} as const satisfies Learner;
