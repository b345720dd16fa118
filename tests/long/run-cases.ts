/**
 * Runs of the bundled model that went well and badly, with what has to be said of each at its end. They give their rates, so that no default decides. The
 * long tests make them for real; the unit tests read their recorded curves (tests/fixtures/verdicts.mjs).
 */

export interface RunCase {
  /** Also the name of its folder. */
  readonly name: string;
  /** The rows, as a folder and a file of public/samples. */
  readonly rows: string;
  /** The flags beside model, rows and folder. */
  readonly flags: string;
  /** The name of the run whose adapter it continues. */
  readonly after?: string;
  /** The verdict. */
  readonly says: RegExp;
  /** What must not be said. */
  readonly never?: RegExp;
}

const ORDERS = 'orders-json/train.jsonl';
const PAIRS = 'more/pairs.jsonl';
const VOICE = 'voice/train.jsonl';
const LISTS = 'lists/train.jsonl';
const HELD = '--val-fraction 0.1';
const PRAISE = /^Learned\./;
const BLAME = /^Lost what it knew/;

export const RUN_CASES: readonly RunCase[] = [
  // A loss that only fell has lost nothing, and its rate is too low, not too high.
  {
    name: 'norms-slow',
    rows: ORDERS,
    flags: '--method full --train-weights norms --lr 3e-4 --epochs 3',
    says: /^Still falling\..*three to ten times as much/,
    never: /tenth of the learning rate/,
  },
  {
    name: 'rate-of-1',
    rows: VOICE,
    flags: `${HELD} --lr 1 --steps 60`,
    says: /^Lost what it knew\..*tenth of the learning rate/,
  },
  // The end of a schedule is not the end of learning.
  ...[
    { method: 'norms', lr: 0.01 },
    { method: 'ia3', lr: 0.01 },
    { method: 'prompt', lr: 0.03 },
  ].flatMap(({ method, lr }): RunCase[] => [
    {
      name: `${method}-short`,
      rows: ORDERS,
      flags: `${HELD} --method ${method} --lr ${lr} --epochs 3`,
      says: /^Still falling\..*More steps would help/,
      never: /has settled\./,
    },
    {
      name: `${method}-long`,
      rows: ORDERS,
      flags: `${HELD} --method ${method} --lr ${lr} --epochs 9`,
      says: PRAISE,
    },
  ]),
  // What was forgotten is no part of the curve.
  { name: 'lora', rows: ORDERS, flags: `${HELD} --lr 4e-3 --epochs 3 --forgetting`, says: PRAISE },
  {
    name: 'lora-plus',
    rows: ORDERS,
    flags: `${HELD} --lr 4e-3 --lr-ratio 16 --epochs 3 --forgetting`,
    says: BLAME,
    never: PRAISE,
  },
  {
    name: 'rslora',
    rows: ORDERS,
    flags: `${HELD} --lr 4e-3 --rank 32 --rslora --epochs 3 --forgetting`,
    says: BLAME,
    never: PRAISE,
  },
  // A preference may be learned by losing the chosen answers.
  {
    name: 'dpo-wreck',
    rows: PAIRS,
    flags: `${HELD} --test-fraction 0.1 --objective dpo --lr 5e-3 --epochs 3`,
    says: /^Chosen answers fall\./,
    never: PRAISE,
  },
  {
    name: 'dpo',
    rows: PAIRS,
    flags: `${HELD} --test-fraction 0.1 --objective dpo --lr 1e-3 --epochs 3`,
    says: /^(?:Learned|Still falling)\..*ahead in \d+% of the validation pairs/,
    never: /rate may be too low/,
  },
  {
    name: 'dpo-slow',
    rows: PAIRS,
    flags: `${HELD} --test-fraction 0.1 --objective dpo --lr 3e-5 --epochs 3`,
    says: /^(?:Still falling\..*three to ten times as much|Hardly moved)/,
    never: PRAISE,
  },
  {
    name: 'simpo-slow',
    rows: PAIRS,
    flags: `${HELD} --test-fraction 0.1 --objective simpo --lr 3e-4 --epochs 3`,
    says: /^Low preference accuracy\..*in only \d+% of the validation pairs/,
    never: PRAISE,
  },
  {
    name: 'simpo',
    rows: PAIRS,
    flags: `${HELD} --test-fraction 0.1 --objective simpo --lr 3e-3 --epochs 3`,
    says: /^(?:Learned|Still falling|Over-optimised)\./,
    never: /low preference accuracy/i,
  },
  // Nothing to compare, since all is right or since all is wrong.
  {
    name: 'grpo-full-marks',
    rows: LISTS,
    flags: '--objective grpo --reward length --steps 12 --max-completion-length 24 --lr 2e-3',
    says: /^Highest reward from the start\..*harder prompts/,
    never: /easier/,
  },
  {
    name: 'grpo-nothing',
    rows: LISTS,
    flags: '--objective grpo --reward valid-json --steps 12 --max-completion-length 24 --lr 2e-3',
    says: /^Groups alike\..*easier ones/,
    never: /[Hh]ighest reward from the start/,
  },
  // The start is a candidate.
  { name: 'first', rows: VOICE, flags: `${HELD} --lr 6e-3 --steps 100 --eval-every 50`, says: PRAISE },
  {
    name: 'first-spoiled',
    rows: VOICE,
    flags: `${HELD} --lr 0.03 --schedule constant --steps 20 --eval-every 10`,
    after: 'first',
    says: /^Worse than its start\..*The state before the first step is kept\./,
    never: /best so far/,
  },
  // Few noisy steps show little, and many of them do not hide a fall.
  {
    name: 'noisy-20',
    rows: VOICE,
    flags: '--batch 1 --steps 20 --lr 1e-3',
    says: /^(?:Too noisy to tell|Still falling)\./,
    never: /Hardly moved/,
  },
  {
    name: 'noisy-100',
    rows: VOICE,
    flags: '--batch 1 --steps 100 --lr 1e-3',
    says: /^(?:Learned|Still falling)\./,
  },
  {
    name: 'flat',
    rows: VOICE,
    flags: `${HELD} --steps 30 --lr 1e-6`,
    says: /^Hardly moved\..*ten times the learning rate/,
  },
];
