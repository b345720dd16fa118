/** Settings that every run has, whatever it trains and how. */
import type { AboutModel, Setting } from './setting.ts';

const LONGEST_NAME = 10_000;
const LONGEST_PROMPT = 1_000_000;

const MAX_WARMUP = 5;

/** The default warm-up: a few steps, and no more than a tenth of a short run. */
function defaultWarmup(steps: number): number {
  return Math.min(MAX_WARMUP, Math.floor(steps / 10));
}

export const LENGTH_SETTINGS = [
  {
    name: 'steps',
    part: 'run',
    type: 'integer',
    min: 1,
    flag: 'steps',
    group: 'Length',
    label: 'Steps',
    term: { id: 'step', name: 'Step' },
    help: 'How many times the optimiser updates the weights.',
    more: 'More steps learn more, until the run overfits.',
    defaultText: 'three epochs, and 10 to 1,000',
    replaces: ['epochs'],
  },
  {
    name: 'epochs',
    part: 'run',
    type: 'number',
    above: 0,
    flag: 'epochs',
    placeholder: 'N',
    label: 'Epochs',
    term: { id: 'epoch', name: 'Epoch' },
    help: 'How often the run goes through all training rows.',
    default: 3,
    defaultText: '3, and 10 to 1,000 steps',
    replaces: ['steps'],
  },
  {
    name: 'batch',
    part: 'run',
    type: 'integer',
    min: 1,
    flag: 'batch',
    group: 'Length',
    label: 'Batch size',
    term: { id: 'batch', name: 'Batch size' },
    help: 'How many rows go through the model together (micro-batch).',
    more: 'A larger batch makes steadier steps and takes more memory.',
    default: 8,
    defaultText: '8, or 4 from 20 million parameters on; grpo: 1, contrastive: 16',
  },
  {
    name: 'accumulate',
    part: 'run',
    type: 'integer',
    min: 1,
    flag: 'accumulate',
    group: 'Length',
    label: 'Gradient accumulation',
    term: { id: 'accumulation', name: 'Gradient accumulation' },
    help: 'How many batches make one step: their gradients are added up, which has the effect of a larger batch without its memory.',
    default: 1,
  },
] as const satisfies readonly Setting[];

/** Parameters of a model below which it is small, and above which it is large. */
export const SMALL_MODEL = 20_000_000;
const LARGE_MODEL = 500_000_000;

/**
 * The learning rate of LoRA on supervised rows with the usual optimiser. That of small models is measured (bench/defaults.mjs, docs/defaults.md), that of
 * medium ones lies between two that were; the rate of large ones is that of QLoRA (Dettmers and others, 2023, table 9) for 7 and 13 billion parameters.
 */
export function rateOfSize({ parameters }: AboutModel): number {
  // Without a model there is nothing to train: the number only stands for what the others are multiples of.
  if (parameters === undefined) return 1e-3;
  return parameters < SMALL_MODEL ? 4e-3 : parameters < LARGE_MODEL ? 5e-4 : 2e-4;
}

export const RATE_SETTINGS = [
  {
    name: 'lr',
    part: 'run',
    type: 'number',
    above: 0,
    max: 10,
    flag: 'lr',
    group: 'Rate',
    label: 'Learning rate',
    term: { id: 'lr', name: 'Learning rate' },
    help: 'How far each step moves the adapter.',
    more: 'If it is too low, little is learned. If it is too high, the loss jumps.',
    default: (_, about) => rateOfSize(about),
    defaultText: 'by model, method, objective and optimiser: see graft recipe',
    multiplies: true,
  },
  {
    name: 'schedule',
    part: 'run',
    type: 'choice',
    choices: ['constant', 'linear', 'cosine'],
    flag: 'schedule',
    placeholder: 'S',
    group: 'Rate',
    label: 'Schedule',
    term: { id: 'schedule', name: 'Schedule' },
    help: 'How the learning rate falls over the run: not at all, in a straight line, or slowly at both ends (cosine).',
    default: 'cosine',
  },
  {
    name: 'warmup',
    part: 'run',
    type: 'integer',
    min: 0,
    zero: 'none',
    flag: 'warmup',
    group: 'Rate',
    label: 'Warm-up',
    unit: 'steps',
    term: { id: 'warmup', name: 'Warm-up' },
    help: 'The learning rate rises from 0 over this many steps, while the optimiser learns how large gradients are.',
    default: ({ steps }) => (typeof steps === 'number' ? defaultWarmup(steps) : MAX_WARMUP),
    defaultText: '5, or a tenth of a short run',
  },
] as const satisfies readonly Setting[];

export const CLIP_SETTINGS = [
  {
    name: 'clip',
    part: 'run',
    type: 'number',
    min: 0,
    zero: 'no clipping',
    flag: 'clip',
    group: 'Rate',
    label: 'Gradient clipping',
    term: { id: 'clip', name: 'Gradient clipping' },
    help: 'The maximum gradient norm: a larger gradient is scaled down, so that one odd batch cannot throw the run off.',
    more: '0 turns it off.',
    default: 1,
  },
] as const satisfies readonly Setting[];

export const OTHER_SETTINGS = [
  {
    name: 'seed',
    part: 'run',
    type: 'integer',
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    flag: 'seed',
    group: 'Chance',
    label: 'Seed',
    term: { id: 'seed', name: 'Seed' },
    help: 'Decides the initial weights of the adapter and the order of the rows.',
    more: 'The same seed on the same machine gives the same curve.',
    default: 42,
  },
  {
    name: 'packing',
    part: 'run',
    type: 'switch',
    flag: 'packing',
    group: 'Length',
    label: 'Packing',
    term: { id: 'packing', name: 'Packing' },
    help: 'Lays the rows of a step end to end, so that no time goes into padding; losses and gradients stay the same.',
    default: false,
  },
  {
    name: 'sharePrefixes',
    part: 'run',
    later: true,
    before: 'off',
    type: 'choice',
    choices: ['auto', 'off'],
    labels: { auto: 'If it saves tokens', off: 'Off' },
    flag: 'share-prefixes',
    group: 'Length',
    label: 'Share prefixes',
    term: { id: 'share-prefixes', name: 'Shared prefixes' },
    help: 'Computes the first tokens that rows have in common once, such as an instruction or the prompt of several answers; losses and gradients stay the same.',
    more: 'auto does so if it saves at least 5 % of the tokens, and checks the numbers against rows in full before the first step. off computes every row in full.',
    default: 'auto',
  },
  {
    name: 'shuffle',
    part: 'run',
    type: 'switch',
    flag: 'no-shuffle',
    group: 'Chance',
    label: 'Shuffle rows',
    term: { id: 'seed', name: 'Seed' },
    help: 'Takes the rows in a different order in each epoch.',
    off: 'Takes the rows in the order of the file.',
    default: true,
  },
  {
    name: 'evalEvery',
    part: 'run',
    type: 'integer',
    min: 0,
    zero: 'no validation',
    flag: 'eval-every',
    group: 'Watching',
    label: 'Validate every … steps',
    term: { id: 'eval-every', name: 'Validate every … steps' },
    help: 'How often the validation loss is measured, on rows that are not trained on; the best adapter is kept.',
    more: 'If it rises while the training loss falls, the run is overfitting. At most 512 of these rows are measured. 0 turns it off.',
    default: 0,
    defaultText: 'ten times, if rows are held out',
  },
  {
    name: 'patience',
    part: 'run',
    type: 'integer',
    min: 0,
    zero: 'no early end',
    flag: 'patience',
    group: 'Watching',
    label: 'Patience',
    unit: 'validations',
    term: { id: 'patience', name: 'Patience (early stopping)' },
    help: 'Ends the run after this many validations in a row without a better one.',
    more: '0 lets it run to the end.',
    default: 0,
  },
  {
    name: 'checkpointing',
    part: 'run',
    type: 'switch',
    flag: 'checkpointing',
    group: 'Length',
    label: 'Activation checkpointing',
    term: { id: 'checkpointing', name: 'Activation checkpointing' },
    help: 'Keeps only the input of each layer and computes the rest again for the gradient: much less memory, about a third more time.',
    more: 'Losses and gradients stay the same.',
    default: false,
  },
] as const satisfies readonly Setting[];

/** How the base model is loaded. The page has them under Task. */
export const BASE_SETTINGS = [
  {
    name: 'precision',
    part: 'base',
    type: 'choice',
    choices: ['f32', 'f16', 'auto'],
    flag: 'precision',
    placeholder: 'P',
    label: 'Precision',
    term: { id: 'precision', name: 'Precision (f32, f16)' },
    help: 'The number format on the GPU; auto is f16 on a GPU that has it.',
    default: 'auto',
  },
  {
    name: 'baseWeights',
    part: 'base',
    type: 'choice',
    choices: ['stored', 'f32', 'f16', 'q8_0', 'q4_0', 'q4_1', 'nf4'],
    flag: 'base-weights',
    placeholder: 'TYPE',
    label: 'Base weights',
    term: { id: 'quantised-base', name: 'Quantised base (QLoRA)' },
    help: 'Dtype of the frozen matrices on the GPU; stored is as in the file.',
    default: 'stored',
  },
  {
    name: 'embeddingWeights',
    part: 'base',
    type: 'choice',
    choices: ['stored', 'f32', 'f16', 'q8_0', 'q4_0', 'q4_1', 'nf4'],
    flag: 'embedding-weights',
    placeholder: 'TYPE',
    label: 'Embedding weights',
    term: { id: 'quantised-base', name: 'Quantised base (QLoRA)' },
    help: 'The same for embeddings and head.',
    defaultText: 'as --base-weights, but q8_0 if that is 4-bit',
  },
] as const satisfies readonly Setting[];

/** What a run starts from, next to the base. */
export const START_SETTINGS = [
  {
    name: 'initAdapter',
    part: 'base',
    type: 'text',
    longest: LONGEST_NAME,
    flag: 'init-adapter',
    placeholder: 'DIR',
    label: 'Start from',
    help: 'The adapter that the run starts from, with its rank, alpha and targets.',
    defaultText: 'a new one',
  },
] as const satisfies readonly Setting[];

const FORGETTING = { id: 'forgetting', name: 'Forgetting' } as const;

/** Measurements next to a run. */
export const WATCH_SETTINGS = [
  {
    name: 'forgetting',
    part: 'watch',
    later: true,
    type: 'switch',
    flag: 'forgetting',
    label: 'Measure forgetting',
    term: FORGETTING,
    help: 'Measures forgetting before and after the run: the loss on general text, the answers to general prompts, and the divergence from the base on prompts of the rows.',
    default: false,
  },
  {
    name: 'forgettingEvery',
    part: 'watch',
    later: true,
    type: 'integer',
    min: 0,
    zero: 'only before and after',
    flag: 'forgetting-every',
    group: 'Watching',
    label: 'General text every … steps',
    term: FORGETTING,
    help: 'How often the loss on general text is also measured during the run.',
    more: '0 measures it only before and after. Each time costs as much as a few steps.',
    default: 0,
  },
] as const satisfies readonly Setting[];

/** Additional settings of the page: the command names no run and answers no prompt. */
export const PAGE_SETTINGS = [
  {
    name: 'name',
    part: 'page',
    type: 'text',
    longest: LONGEST_NAME,
    label: 'Name of the run',
    help: 'The name of the run and of its adapter.',
    default: 'Run 1',
  },
  {
    name: 'sampleEvery',
    part: 'page',
    type: 'integer',
    min: 0,
    zero: 'no answers',
    group: 'Watching',
    label: 'Answer every … steps',
    term: { id: 'sample-prompt', name: 'Sample prompt' },
    help: 'How often the model answers the prompt below, so that you see it learn.',
    more: '0 turns it off.',
    default: 0,
  },
  {
    name: 'samplePrompt',
    part: 'page',
    type: 'text',
    longest: LONGEST_PROMPT,
    label: 'Prompt',
    term: { id: 'sample-prompt', name: 'Sample prompt' },
    help: 'The prompt that the model answers during the run.',
    default: '',
  },
] as const satisfies readonly Setting[];
