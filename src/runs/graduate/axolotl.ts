/** `--format axolotl`: a configuration for axolotl, with the rows of the steps that are left as tokens and labels, and the adapter to continue from. */
import { parseJson } from '../../json.ts';
import { adamwNumbers } from '../../optimisers/adamw/adamw.ts';
import type { RunSpec } from '../../settings/spec.ts';
import { checkCounterparts, differences } from './counterparts.ts';
import {
  adapterFiles,
  jsonLines,
  readmePage,
  sequences,
  shell,
  textFile,
  type GraduatedRun,
  type GraduateFormat,
} from './graduated-run.ts';
import { evaluations, NEW_OPTIMISER, rateLeft, rowsInOrder, restSteps, scheduleName } from './rest-of-run.ts';
import type { LabelledTokens } from '../../model/batch.ts';
import { writeYaml, type Yaml } from './yaml.ts';

const LABEL = 'axolotl';

export const axolotl: GraduateFormat = {
  name: 'axolotl',
  label: LABEL,
  help: 'a configuration for axolotl, with the rows and the adapter of a supervised run',
  check: (spec) => checkCounterparts(spec, { label: LABEL, objectives: ['sft'], methods: ['lora', 'dora'] }),
  files(run) {
    const { rows } = run;
    return [
      textFile('config.yaml', writeYaml(configOf(run))),
      jsonLines('train.jsonl', rowsInOrder(run), tokensOf),
      ...(rows.validation.length > 0 ? [jsonLines('validation.jsonl', rows.validation, tokensOf)] : []),
      textFile('README.md', readme(run)),
      ...adapterFiles(run),
    ];
  },
};

function tokensOf(row: LabelledTokens): object {
  const [{ ids, labels }] = sequences(row);
  return { input_ids: ids, attention_mask: ids.map(() => 1), labels };
}

function configOf(run: GraduatedRun): Parameters<typeof writeYaml>[0] {
  const { spec, baseModel, rows, adapter } = run;
  const config = parseJson(new TextDecoder().decode(adapter!['adapter_config.json']), 'adapter_config.json');
  const { target_modules: targets } = config as { readonly target_modules: readonly string[] };
  const { betas, epsilon } = adamwNumbers;
  const tokens = (path: string): { readonly [key: string]: Yaml } => ({ path, ds_type: 'json', type: null });
  return {
    base_model: baseModel,
    datasets: [tokens('train.jsonl')],
    ...(rows.validation.length > 0
      ? { test_datasets: [{ ...tokens('validation.jsonl'), split: 'train' }] }
      : { val_set_size: 0 }),
    shuffle_merged_datasets: false,
    curriculum_sampling: true,
    sequence_len: spec.maxLength,
    sample_packing: false,
    adapter: 'lora',
    lora_model_dir: '.',
    lora_r: spec.rank,
    lora_alpha: Number.isInteger(spec.alpha) ? spec.alpha : undefined,
    lora_dropout: spec.dropout ?? 0,
    lora_target_modules: targets,
    peft_use_rslora: spec.rsLora === true,
    peft_use_dora: spec.method === 'dora',
    loraplus_lr_ratio: spec.rateRatio === undefined || spec.rateRatio === 1 ? undefined : spec.rateRatio,
    max_steps: restSteps(run),
    micro_batch_size: spec.batch,
    gradient_accumulation_steps: spec.accumulate,
    gradient_checkpointing: spec.checkpointing,
    optimizer: 'adamw_torch',
    learning_rate: rateLeft(run),
    lr_scheduler: scheduleName(spec),
    warmup_steps: spec.warmup,
    weight_decay: spec.weightDecay,
    max_grad_norm: spec.clip,
    ...{ adam_beta1: betas[0], adam_beta2: betas[1], adam_epsilon: epsilon },
    seed: spec.seed,
    ...{ bf16: 'auto', tf32: false },
    ...evaluations(run),
    logging_steps: 1,
    output_dir: './out',
  };
}

/** What axolotl 0.19 does by itself, in sentences. */
export const axolotlNotes = ({ warmup }: Pick<RunSpec, 'warmup'>): string[] => [
  'axolotl turns its LoRA kernels on, which need CUDA.',
  'On another machine, add `lora_mlp_kernel: false`, `lora_qkv_kernel: false` and `lora_o_kernel: false` to `config.yaml`.',
  // 0 is no warm-up, whatever the length of the run.
  ...(warmup === 1 ? ['axolotl makes a warm-up of one step two steps long.'] : []),
];

function readme(run: GraduatedRun): string {
  const { spec, state, steps } = run;
  const lines = [
    ...NEW_OPTIMISER,
    ...axolotlNotes(spec),
    'A step has the rows of the run with one process. With N processes, divide gradient_accumulation_steps or micro_batch_size by N.',
    ...differences(spec),
  ];
  return readmePage(
    '# A run of Graft, continued with axolotl',
    `Graft trained an adapter for ${state.counters.step} of ${steps} steps.`,
    'Set `base_model` in `config.yaml` to the base: a folder, or a name of the hub. Then call in this folder:',
    shell('axolotl train config.yaml'),
    `\`train.jsonl\` has the rows of the next ${restSteps(run)} steps in their order, as token ids and labels.`,
    lines.map((one) => `- ${one}`).join('\n'),
  );
}
