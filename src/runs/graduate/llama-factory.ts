/** `--format llama-factory`: a configuration and data sets for LLaMA-Factory: the rows of the steps that are left as conversations, and the adapter. */
import { GraftError } from '../../errors.ts';
import type { LabelledTokens } from '../../model/batch.ts';
import { objectiveOf } from '../../objectives/registry.ts';
import { adamwNumbers } from '../../optimisers/adamw/adamw.ts';
import type { RunSpec } from '../../settings/spec.ts';
import { checkCounterparts, differences, STAY } from './counterparts.ts';
import {
  adapterFiles,
  jsonLines,
  readmePage,
  shell,
  textFile,
  type GraduatedRun,
  type GraduateFile,
  type GraduateFormat,
} from './graduated-run.ts';
import {
  conversationOf,
  evaluations,
  NEW_OPTIMISER,
  rateLeft,
  rowsInOrder,
  restSteps,
  scheduleName,
} from './rest-of-run.ts';
import { writeYaml, type Yaml } from './yaml.ts';

const LABEL = 'LLaMA-Factory';

interface Stage {
  readonly stage: 'sft' | 'dpo' | 'kto';
  readonly settings?: (spec: RunSpec) => { readonly [key: string]: Yaml };
}

const pairs = (loss: string): Stage => ({
  stage: 'dpo',
  settings: ({ beta = 0, sftWeight = 0, simpoGamma }) => ({
    pref_beta: beta,
    pref_loss: loss,
    ...(sftWeight > 0 && { pref_ftx: sftWeight }),
    ...(simpoGamma !== undefined && { simpo_gamma: simpoGamma }),
  }),
});

const STAGES: Readonly<Record<string, Stage>> = {
  sft: { stage: 'sft' },
  dpo: pairs('sigmoid'),
  ipo: pairs('ipo'),
  hinge: pairs('hinge'),
  orpo: pairs('orpo'),
  simpo: pairs('simpo'),
  kto: {
    stage: 'kto',
    settings: ({ beta = 0, desirableWeight = 1, undesirableWeight = 1 }) => ({
      ...{ pref_beta: beta, kto_chosen_weight: desirableWeight, kto_rejected_weight: undesirableWeight },
    }),
  },
};

const stageOf = ({ objective }: RunSpec): Stage => STAGES[objectiveOf(objective).name];

export const llamaFactory: GraduateFormat = {
  name: 'llama-factory',
  label: LABEL,
  help: 'a configuration and data sets for LLaMA-Factory, with the adapter of a run',
  check(spec) {
    checkCounterparts(spec, { label: LABEL, objectives: Object.keys(STAGES), methods: ['lora', 'dora'] });
    if (spec.reference === 'start')
      throw new GraftError(
        'graduate',
        `The run's reference policy is the adapter that it started from (--reference start), and ${LABEL} compares an adapter that it continues with the base.`,
        'Choose --format trl, which takes that adapter along.',
      );
    if ((spec.labelSmoothing ?? 0) > 0)
      throw new GraftError(
        'graduate',
        `The run smooths its labels (--label-smoothing ${spec.labelSmoothing}), and ${LABEL} leaves its formula to the version of TRL.`,
        STAY,
      );
  },
  files(run) {
    const sets: [string, GraduateFile][] = [['graft_train', dataOf(run, 'train.jsonl', rowsInOrder(run))]];
    const { validation } = run.rows;
    if (validation.length > 0) sets.push(['graft_validation', dataOf(run, 'validation.jsonl', validation)]);
    const { stage } = stageOf(run.spec);
    const infos = sets.map(([name, file]) => [name, { file_name: file.name, ...INFOS[stage] }]);
    return [
      textFile('train.yaml', writeYaml(configOf(run, sets.length > 1))),
      textFile('dataset_info.json', `${JSON.stringify(Object.fromEntries(infos), null, 2)}\n`),
      ...sets.map(([, file]) => file),
      textFile('README.md', readme(run)),
      ...adapterFiles(run),
    ];
  },
};

const TAGS = {
  role_tag: 'role',
  content_tag: 'content',
  user_tag: 'user',
  assistant_tag: 'assistant',
  system_tag: 'system',
};

/** How LLaMA-Factory reads the rows of a stage. */
const INFOS: Readonly<Record<Stage['stage'], object>> = {
  sft: { formatting: 'sharegpt', columns: { messages: 'messages' }, tags: TAGS },
  dpo: {
    formatting: 'sharegpt',
    ranking: true,
    columns: { messages: 'messages', chosen: 'chosen', rejected: 'rejected' },
    tags: TAGS,
  },
  kto: { formatting: 'sharegpt', columns: { messages: 'messages', kto_tag: 'kto_tag' }, tags: TAGS },
};

function dataOf(run: GraduatedRun, name: string, rows: GraduatedRun['rows']['train']): GraduateFile {
  return jsonLines(name, rows, (row) => conversationRow(run, row));
}

/** @throws GraftError `graduate` for rows that are no conversations */
function conversationRow({ exampleOf }: GraduatedRun, row: LabelledTokens): object {
  const example = exampleOf(row);
  if (example?.kind === 'unpaired')
    return { messages: conversationOf(example.answer, LABEL), kto_tag: example.desirable };
  if (example?.kind !== 'pair') return { messages: conversationOf(example, LABEL) };
  const [chosen, rejected] = [example.chosen, example.rejected].map((side) => conversationOf(side, LABEL));
  return { messages: chosen.slice(0, -1), chosen: chosen.at(-1), rejected: rejected.at(-1) };
}

function configOf(run: GraduatedRun, validates: boolean): Parameters<typeof writeYaml>[0] {
  const { spec, baseModel } = run;
  const { stage, settings } = stageOf(spec);
  const { betas, epsilon } = adamwNumbers;
  return {
    model_name_or_path: baseModel,
    adapter_name_or_path: '.',
    stage,
    do_train: true,
    finetuning_type: 'lora',
    ...settings?.(spec),
    loraplus_lr_ratio: spec.rateRatio === undefined || spec.rateRatio === 1 ? undefined : spec.rateRatio,
    dataset_dir: '.',
    dataset: 'graft_train',
    eval_dataset: validates ? 'graft_validation' : undefined,
    ...evaluations(run),
    cutoff_len: spec.maxLength,
    packing: false,
    disable_shuffling: true,
    max_steps: restSteps(run),
    per_device_train_batch_size: spec.batch,
    gradient_accumulation_steps: spec.accumulate,
    disable_gradient_checkpointing: !spec.checkpointing,
    optim: 'adamw_torch',
    learning_rate: rateLeft(run),
    lr_scheduler_type: scheduleName(spec),
    warmup_steps: spec.warmup,
    weight_decay: spec.weightDecay,
    max_grad_norm: spec.clip,
    ...{ adam_beta1: betas[0], adam_beta2: betas[1], adam_epsilon: epsilon },
    seed: spec.seed,
    logging_steps: 1,
    report_to: 'none',
    output_dir: './out',
  };
}

function readme(run: GraduatedRun): string {
  const { spec, state, steps } = run;
  const lines = [
    'LLaMA-Factory renders the rows by its own template: without `template` in `train.yaml` it reads the one of the tokenizer. Its tokens may differ from those of Graft.',
    'Rank, alpha, targets, rsLoRA and DoRA come from `adapter_config.json`.',
    ...NEW_OPTIMISER,
    'A step has the rows of the run with one process. With N processes, divide gradient_accumulation_steps or per_device_train_batch_size by N.',
    ...differences(spec),
  ];
  return readmePage(
    '# A run of Graft, continued with LLaMA-Factory',
    `Graft trained an adapter for ${state.counters.step} of ${steps} steps.`,
    'Set `model_name_or_path` in `train.yaml` to the base: a folder, or a name of the hub. Then call in this folder:',
    shell('llamafactory-cli train train.yaml'),
    `\`train.jsonl\` has the rows of the next ${restSteps(run)} steps in their order.`,
    lines.map((one) => `- ${one}`).join('\n'),
  );
}
