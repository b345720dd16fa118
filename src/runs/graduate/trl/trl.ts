/** `--format trl`: a folder in which TRL's trainer of the run's objective continues the run, with one process or many. */
import { learnerOf } from '../../../adapters/learners.ts';
import { GraftError } from '../../../errors.ts';
import type { LabelledTokens } from '../../../model/batch.ts';
import { objectiveOf } from '../../../objectives/registry.ts';
import type { RunSpec } from '../../../settings/spec.ts';
import { promptLength, type PromptRow } from '../../../train/policy/prompts.ts';
import { recipeOf } from '../../../settings/recipe.ts';
import { adamwNumbers } from '../../../optimisers/adamw/adamw.ts';
import { checkCounterparts, differences, STAY } from '../counterparts.ts';
import {
  adapterFiles,
  jsonLines,
  momentsFile,
  readmePage,
  ROW_PARTS,
  sequences,
  shell,
  tensorsFile,
  textFile,
  type GraduatedRun,
  type GraduateFile,
  type GraduateFormat,
} from '../graduated-run.ts';
import { writeYaml } from '../yaml.ts';
import dpo from './dpo.py?raw';
import graftRun from './graft_run.py?raw';
import grpo from './grpo.py?raw';
import kto from './kto.py?raw';
import rewards from './rewards.py?raw';
import sft from './sft.py?raw';

/** The versions that tests/interop/graduate.test.ts passed with. */
const REQUIREMENTS = {
  torch: '2.13.0',
  transformers: '5.24.0',
  peft: '0.21.2',
  trl: '1.16.0',
  accelerate: '1.15.0',
  datasets: '5.2.0',
  safetensors: '0.8.0',
};

/** What a run that trains weights of the model has in place of an adapter. */
const WEIGHTS = 'trained.safetensors';
/** Steps that order.jsonl has at least, if the run has fewer left. Each takes a few bytes. */
const MIN_STEPS = 1000;

interface Trainer {
  /** TRL's class. */
  readonly name: string;
  readonly script: string;
  /** Further files of its folder, by name. */
  readonly files?: Readonly<Record<string, string>>;
  /** @throws GraftError `graduate` for settings of the objective that it has no counterpart of */
  readonly check?: (spec: RunSpec) => void;
  /** A line of train.jsonl and of the other parts. */
  readonly row: (row: LabelledTokens, textOf: GraduatedRun['textOf']) => Readonly<Record<string, unknown>>;
  /** What its script reads of run.json besides what all have. */
  readonly settings?: (spec: RunSpec) => Readonly<Record<string, unknown>>;
}

const SUPERVISED: Trainer = {
  name: 'SFTTrainer',
  script: sft,
  row: (row, textOf) => {
    const [{ ids, labels }] = sequences(row);
    return { input_ids: ids, labels, ...(textOf && { text: textOf(ids) }) };
  },
};

/** @param loss TRL's `loss_type` */
const pairs = (loss: string): Trainer => ({
  name: 'DPOTrainer',
  script: dpo,
  row: (row, textOf) => {
    const [chosen, rejected] = sequences(row);
    return {
      ...{ chosen_ids: chosen.ids, chosen_labels: chosen.labels },
      ...{ rejected_ids: rejected.ids, rejected_labels: rejected.labels },
      ...(textOf && { chosen_text: textOf(chosen.ids), rejected_text: textOf(rejected.ids) }),
    };
  },
  settings: ({ beta, reference, sftWeight = 0 }) => ({
    ...{ beta, reference },
    loss_types: sftWeight > 0 ? [loss, 'sft'] : [loss],
    loss_weights: sftWeight > 0 ? [1, sftWeight] : [1],
  }),
});

const UNPAIRED: Trainer = {
  name: 'KTOTrainer',
  script: kto,
  row: (row, textOf) => {
    const [own, other] = sequences(row);
    return {
      ...{ input_ids: own.ids, labels: own.labels, desirable: row.desirable === true },
      ...(other && { kl_input_ids: other.ids, kl_labels: other.labels }),
      ...(textOf && { text: textOf(own.ids) }),
    };
  },
  settings: ({ beta, reference, desirableWeight, undesirableWeight }) => ({
    ...{ beta, reference },
    ...{ desirable_weight: desirableWeight, undesirable_weight: undesirableWeight },
  }),
};

/** Rewards that rewards.py has. */
const PYTHON_REWARDS: readonly string[] = [
  ...['exact-match', 'normalized-match', 'token-f1', 'number-match'],
  ...['length', 'format-tags', 'valid-json'],
];

const SAMPLED: Trainer = {
  name: 'GRPOTrainer',
  script: grpo,
  files: { 'rewards.py': rewards },
  check({ rewards: specs = [], numIterations = 1 }) {
    const other = specs.find(({ name }) => !PYTHON_REWARDS.includes(name));
    if (other)
      throw new GraftError(
        'graduate',
        `The run's reward ${other.name} has no counterpart in Python: only ${PYTHON_REWARDS.join(', ')} have one.`,
        'Continue it in Graft, or write the reward in Python and start a new run there from its adapter (graft export --adapter).',
      );
    if (numIterations > 1)
      throw new GraftError(
        'graduate',
        `The run makes ${numIterations} updates for each sample (--num-iterations), and TRL counts its steps otherwise.`,
        STAY,
      );
  },
  row: (row, textOf) => {
    const ids = Array.from(row.ids).slice(0, promptLength(row));
    return {
      prompt: textOf?.(ids) ?? ids.join(' '),
      prompt_ids: ids,
      answer: (row as PromptRow).asked?.answer ?? null,
    };
  },
  settings: (spec) => {
    const settings = {
      ...{ beta: spec.beta, loss_type: spec.lossType, epsilon: spec.epsilon, epsilon_high: spec.epsilonHigh },
      ...{ num_generations: spec.numGenerations, max_completion_length: spec.maxCompletionLength },
      ...{ temperature: spec.temperature, top_p: spec.topP, top_k: spec.topK },
      ...{ mask_truncated_completions: spec.maskTruncated, scale_rewards: spec.scaleRewards },
      use_bias_correction_kl: spec.klCorrection,
    };
    return {
      ...settings,
      grpo: Object.keys(settings),
      rewards: spec.rewards,
      reference: spec.reference ?? 'base',
    };
  },
};

/** The trainer of each objective. */
const TRAINERS: Readonly<Record<string, Trainer>> = {
  sft: SUPERVISED,
  dpo: pairs('sigmoid'),
  ipo: pairs('ipo'),
  hinge: pairs('hinge'),
  'apo-zero': pairs('apo_zero'),
  'apo-down': pairs('apo_down'),
  kto: UNPAIRED,
  grpo: SAMPLED,
};

export const trl: GraduateFormat = {
  name: 'trl',
  label: 'TRL',
  help: 'train.py with TRL’s trainer, rows, adapter and optimiser state of a run, for accelerate',
  check(spec) {
    const methods = ['lora', 'dora', 'full'];
    checkCounterparts(spec, { label: 'TRL', objectives: Object.keys(TRAINERS), methods });
    if (learnerOf(spec).trainsModel && objectiveOf(spec.objective).name !== 'sft')
      throw new GraftError(
        'graduate',
        `The run trains the weights of the model (--method ${spec.method}) with the objective ${spec.objective}. Such runs continue only if they are supervised (--objective sft).`,
        STAY,
      );
    TRAINERS[objectiveOf(spec.objective).name].check?.(spec);
    if ((spec.labelSmoothing ?? 0) > 0)
      throw new GraftError(
        'graduate',
        `The run smooths its labels (--label-smoothing ${spec.labelSmoothing}), and TRL has another formula for that.`,
        STAY,
      );
  },
  files(run): GraduateFile[] {
    const trainer = TRAINERS[objectiveOf(run.spec.objective).name];
    const { rows, state } = run;
    const first = state.counters.step;
    const steps = Math.max(run.steps - first, MIN_STEPS);
    return [
      textFile('train.py', trainer.script),
      textFile('graft_run.py', graftRun),
      ...Object.entries(trainer.files ?? {}).map(([name, text]) => textFile(name, text)),
      textFile('run.json', `${JSON.stringify(runJson(run, trainer), null, 2)}\n`),
      textFile('accelerate.yaml', writeYaml(ACCELERATE)),
      textFile('accelerate-fsdp.yaml', writeYaml(FSDP)),
      textFile(
        'requirements.txt',
        Object.entries(REQUIREMENTS)
          .map(([name, version]) => `${name}==${version}\n`)
          .join(''),
      ),
      ...ROW_PARTS.filter((part) => part === 'train' || rows[part].length > 0).map((part) =>
        jsonLines(`${part}.jsonl`, rows[part], (row) => trainer.row(row, run.textOf)),
      ),
      textFile(
        'order.jsonl',
        Array.from({ length: steps }, (_, at) => `${JSON.stringify(run.rowsOf(first + at))}\n`).join(''),
      ),
      momentsFile('optimiser.safetensors', run),
      ...(run.reference ? [tensorsFile('reference.safetensors', run.reference, run.shapes)] : []),
      textFile('README.md', readme(run, trainer)),
      ...(run.adapter ? adapterFiles(run) : [tensorsFile(WEIGHTS, state.values, run.shapes)]),
    ];
  },
};

/** What graft_run.py reads. */
function runJson(
  { spec, state, steps, baseModel, version }: GraduatedRun,
  { settings }: Trainer,
): Readonly<Record<string, unknown>> {
  const { batch, accumulate } = spec;
  return {
    graft: version,
    base: baseModel,
    objective: objectiveOf(spec.objective).name,
    method: learnerOf(spec).name,
    step: state.counters.step,
    steps,
    batch,
    rows_per_step: batch * accumulate,
    lr: spec.lr,
    lr_ratio: spec.rateRatio ?? 1,
    schedule: spec.schedule,
    warmup: spec.warmup,
    weight_decay: spec.weightDecay,
    clip: spec.clip,
    ...adamwNumbers,
    seed: spec.seed,
    checkpointing: spec.checkpointing,
    ...settings?.(spec),
    recipe: recipeOf(spec),
  };
}

/** One process; `--num_processes N` makes more, on GPUs or, if there are none, on CPUs: with `NO` it would be ignored. */
const ACCELERATE = {
  compute_environment: 'LOCAL_MACHINE',
  distributed_type: 'MULTI_GPU',
  mixed_precision: 'no',
  machine_rank: 0,
  num_machines: 1,
  num_processes: 1,
};

/** Base and adapter divided among the GPUs of a machine. */
const FSDP = {
  compute_environment: 'LOCAL_MACHINE',
  distributed_type: 'FSDP',
  mixed_precision: 'no',
  machine_rank: 0,
  num_machines: 1,
  num_processes: 2,
  fsdp_config: {
    fsdp_version: 2,
    fsdp_auto_wrap_policy: 'TRANSFORMER_BASED_WRAP',
    fsdp_cpu_ram_efficient_loading: false,
    fsdp_offload_params: false,
    fsdp_reshard_after_forward: true,
    fsdp_state_dict_type: 'FULL_STATE_DICT',
  },
};

function readme(run: GraduatedRun, { name }: Trainer): string {
  const { spec, state, steps, baseModel, rows, reference } = run;
  const { step } = state.counters;
  const files: readonly (readonly [string, string])[] = [
    ['run.json', 'the settings of the run'],
    ...ROW_PARTS.filter((part) => rows[part].length > 0).map(
      (part) => [`${part}.jsonl`, `${rows[part].length} ${part} rows, as token ids and labels`] as const,
    ),
    ['order.jsonl', `the rows of each step after step ${step}`],
    run.adapter
      ? ['adapter_model.safetensors', `the adapter after step ${step}`]
      : [WEIGHTS, `the trained weights of the model after step ${step}`],
    ['optimiser.safetensors', `AdamW's moments after step ${step}`],
    ...(reference
      ? [['reference.safetensors', 'the adapter of the start, its reference policy'] as const]
      : []),
  ];
  return readmePage(
    '# A run of Graft, continued with TRL',
    `Graft trained ${run.adapter ? 'an adapter' : 'weights'} of ${baseModel} for ${step} of ${steps} steps. \`train.py\` continues after step ${step} with TRL's ${name}.`,
    shell(
      'pip install -r requirements.txt',
      'accelerate launch --config_file accelerate.yaml train.py --model BASE --steps N --out DIR',
    ),
    'BASE is the base model: a folder, or a name of the Hugging Face hub.',
    `N counts further steps.${step < steps ? ` The run has ${steps - step} left, which are made without it.` : ''}`,
    `DIR gets the ${run.adapter ? 'adapter' : 'model'} and \`metrics.jsonl\`, a line a step.`,
    '`--num_processes 2` before `train.py` divides each step among two processes, and its loss stays the same.',
    '`accelerate-fsdp.yaml` also divides the weights.',
    `| file | content |\n|---|---|\n${files.map(([file, what]) => `| \`${file}\` | ${what} |`).join('\n')}`,
    ...differences(spec),
  );
}
