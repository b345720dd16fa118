/**
 * 0 within a range of lengths, and less outside: by the distance, down to −1. With no lower end this is the soft punishment of overlong
 * answers of DAPO (Yu et al., 2025, arXiv:2503.14476, eq. 13).
 */
import { fixed } from '../numbers.ts';
import type { Attempt, AttemptScorer, ScorerSetting, Need } from './scorer.ts';

const COUNTS: Readonly<Record<string, (attempt: Attempt) => number>> = {
  tokens: ({ tokens }) => tokens,
  words({ completion }) {
    let words = 0;
    for (const _ of completion.matchAll(/\S+/g)) words++;
    return words;
  },
  characters({ completion }) {
    let characters = 0;
    for (const _ of completion) characters++;
    return characters;
  },
};

const MAX = 1_000_000;
const SETTINGS = [
  {
    name: 'least',
    part: 'run',
    type: 'integer',
    min: 0,
    max: MAX,
    label: 'Shortest',
    help: 'The shortest length without a penalty.',
    default: 0,
  },
  {
    name: 'most',
    part: 'run',
    type: 'integer',
    min: 0,
    max: MAX,
    label: 'Longest',
    help: 'The longest length without a penalty.',
    default: 128,
  },
  {
    name: 'span',
    part: 'run',
    type: 'integer',
    min: 1,
    max: MAX,
    label: 'Full penalty after',
    help: 'How far outside of the range the penalty is −1; it grows evenly until there.',
    default: 64,
  },
  {
    name: 'unit',
    part: 'run',
    type: 'choice',
    choices: Object.keys(COUNTS),
    label: 'Counted in',
    help: 'The unit of the length.',
    default: 'tokens',
  },
] as const satisfies readonly ScorerSetting[];

export const length = {
  of: 'attempts',
  name: 'length',
  label: 'Length',
  heading: 'length',
  help: '0 within a range of lengths; outside a penalty that grows evenly with the distance, down to −1.',
  entry: {
    title: 'Length of an answer',
    what: '0 within a range of lengths. Outside of it a penalty grows evenly with the distance, down to −1.',
    start: 'As a small part of a sum of rewards, against answers that become longer and longer.',
    source: 'Yu et al., DAPO, 2025, arXiv:2503.14476, equation 13',
    also: 'length penalty overlong tokens words characters reward',
  },
  better: 'higher',
  format: (value: number) => fixed(value, 2),
  settings: SETTINGS,
  range: [-1, 0],
  needs: ({ unit }): readonly Need[] => (unit === 'tokens' ? ['tokens'] : []),
  problem: ({ least, most }) => (least > most ? 'its shortest length is above its longest' : undefined),
  open: ({ least, most, span, unit }) => ({
    score(attempt) {
      const size = COUNTS[String(unit)](attempt);
      const outside = Math.max(Number(least) - size, size - Number(most), 0);
      return outside === 0 ? 0 : -Math.min(outside / Number(span), 1);
    },
  }),
} as const satisfies AttemptScorer;
