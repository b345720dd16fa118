import { SETTING_TERMS } from '../../settings/table.ts';
import { SCORER_TITLES } from '../../scorers/lists.ts';
import { type ScorerName } from '../../scorers/registry.ts';

/** The words that the glossary explains, by the id in its addresses. The entries are in files of their own, which are loaded when somebody reads them. */
const WORDS = {
  ...SETTING_TERMS,
  // The idea
  'fine-tuning': 'Fine-tuning',
  'when-not': 'When not to fine-tune',
  adapter: 'Adapter (LoRA)',
  'base-model': 'Base model',
  hub: 'The hub (Hugging Face)',
  quantisation: 'Quantisation (8 and 4 bits)',
  nf4: 'NF4 and other 4-bit kinds',
  'chat-template': 'Chat template',
  token: 'Token',
  context: 'Context',
  forgetting: 'Forgetting',
  // The rows
  row: 'Row (example)',
  'instruction-template': 'Instruction template',
  'loss-mask': 'Supervised tokens (loss mask)',
  'train-part': 'Training part',
  findings: 'Findings before a run',
  // The adapter
  // The run
  'gradient-norm': 'Gradient norm',
  'weight-decay': 'Weight decay',
  objective: 'Objective',
  grpo: 'Learning from rewards (GRPO)',
  entropy: 'Entropy',
  optimiser: 'Optimiser',
  lineage: 'Sequential fine-tuning',
  'adapter-mixture': 'Mixture of adapters',
  'preference-pair': 'Pair of answers (preference)',
  drift: 'Drift from the reference (KL)',
  'length-bias': 'Length bias of pairs',
  'blind-vote': 'Blind vote',
  feedback: 'Feedback (adaptive tuning)',
  'use-circle': 'The circle of use (after deployment)',
  'judged-answer': 'Answer with a label (desirable or not)',
  'reward-margin': 'Reward, margin and accuracy of pairs',
  checkpoint: 'Checkpoint of a run',
  // The measure
  overfitting: 'Overfitting',
  baseline: 'Baseline',
  'few-shot': 'Examples in the prompt (few-shot)',
  instructed: 'Instruction before the question',
  retrieval: 'Passages in the prompt (retrieval)',
  retriever: 'Tuned encoder (retriever)',
  majority: 'Most frequent answer',
  nearest: 'Nearest row',
  'own-metric': 'Metric with settings of your own',
  interval: '95% interval',
  'cross-validation': 'Cross-validation (k folds)',
  mcnemar: 'Won or lost by chance (exact McNemar test)',
  choices: 'Answers chosen by likelihood',
  calibration: 'Calibration and the reliability diagram',
  'tuned-table': 'Everything tuned, in one table',
  'model-judge': 'Model as a judge',
  'pair-accuracy': 'Preference accuracy',
  'test-sample': 'Random test sample',
  // The answer
  turns: 'One question, or a conversation (turns)',
  'system-prompt': 'System prompt',
  greedy: 'Greedy answer',
  'answer-length': 'Maximum new tokens',
  temperature: 'Temperature',
  'top-k': 'Top-k',
  'top-p': 'Top-p (nucleus)',
  'min-p': 'Min-p',
  'repetition-penalty': 'Repetition penalty',
  peft: 'PEFT folder',
  merged: 'Merged model',
} as const;

/** Metrics bring their entries with them. */
export const NAMES: Readonly<Record<TermId, string>> = { ...WORDS, ...SCORER_TITLES };

export type TermId = keyof typeof WORDS | ScorerName;

const isTerm = (id: string): id is TermId => Object.hasOwn(NAMES, id);

/** An unknown id is a slip in the code: it is shown unchanged. */
export const nameOfTerm = (id: string): string => (isTerm(id) ? NAMES[id] : id);
