/** `graft plan`: the memory of a run and of generation, from config.json alone. */
import { learnerOf } from '../adapters/learners.ts';
import type { Lowering } from '../engine/lowering.ts';
import { CpuLowering } from '../engine/cpu/lowering.ts';
import { cpuTarget } from '../engine/cpu/target.ts';
import { GpuLowering } from '../engine/webgpu/lowering.ts';
import { usualGpuWith, type GpuTarget } from '../engine/webgpu/target.ts';
import { GraftError } from '../errors.ts';
import type { StoredAs } from '../model/base-weights.ts';
import { activeParametersOf, parametersOf, type ModelDefinition } from '../model/definition.ts';
import { openModelWeights, storedType } from '../model/folder-layout.ts';
import { resolvePrecision } from '../model/precision.ts';
import { checkChoices } from '../model/weight-types.ts';
import { objectiveOf } from '../objectives/registry.ts';
import { adviseMemory, memoryProblems, type AdviceSettings } from '../train/memory-advice.ts';
import { plannedWords } from '../train/layout-words.ts';
import { planGeneration, planMemory, type MemoryParts } from '../train/memory-plan.ts';
import { runBuckets } from '../train/step-kinds.ts';
import { adapterOf } from '../adapters/chosen.ts';
import { validationRows } from '../train/order.ts';
import { plural } from '../numbers.ts';
import type { FileSet } from '../weights/bytes.ts';
import { openProcessor, processorThreads } from './cpu.ts';
import { EXIT } from './exit.ts';
import { readAskedRun, type AskedRun } from './asked-run.ts';
import { writeWhole } from './files.ts';
import type { Flags, FlagSpecs } from './flags.ts';
import { readMemory, type MemorySize } from './memory-size.ts';
import { isProcessor, openNamed, readKernels, refuseBuilds, usualGpu } from './open-device.ts';
import { checkFile, checkOutput } from './output-path.ts';
import { formatBytes, type Output } from './output.ts';
import { flagsWithRecipe } from './recipe-flags.ts';
import { PRECISIONS, readWeightChoices } from './session.ts';
import { readGiven, startKind, trainFlags, type TrainFlags } from './train-flags.ts';
import { useStored } from './tuning-store.ts';

const MIB = 2 ** 20;
/** The name of a GPU that is not here. */
const TYPICAL = 'typical';
/** Tokens of a conversation in the page's chat. */
const CONTEXT = 4096;

const {
  out: _,
  resume: __,
  overwrite: ___,
  'save-every': ____,
  'pause-after': _____,
  help,
  device: ______,
  ...ofTrain
} = trainFlags;

/** The flags of `graft train` that a run depends on, and what it is planned for. */
export const planFlags = {
  ...ofTrain,
  model: { value: 'PATH', help: 'a model folder (config.json is enough), or a GGUF file' },
  length: { value: 'N', help: 'the same as --max-length' },
  context: { value: 'N', help: `tokens of a generated sequence, prompt included (default: ${CONTEXT})` },
  device: {
    value: 'NAME',
    help: `plan for cpu, for the GPU whose name contains this, or for a ${TYPICAL} GPU, which need not be here (default: what graft train would take here)`,
  },
  'max-buffer': { value: 'MIB', help: 'largest buffer that the GPU allows' },
  'max-binding': { value: 'MIB', help: 'largest binding that the GPU allows' },
  memory: {
    value: 'SIZE',
    help: 'memory of the GPU: 8GiB, 8000MB, or a number of MiB; whether the run fits is then the last line and the exit status (3: no)',
  },
  json: { value: 'FILE', bare: '-', help: 'the plan as JSON, on standard output (also -) or in a file' },
  overwrite: { help: 'replace the file that is at --json' },
  help,
} as const satisfies FlagSpecs;

type PlanFlags = Flags<typeof planFlags>;

export async function planCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = await flagsWithRecipe(planFlags, args, (line) => output.line(line));
  const json = flags.text('json');
  if (json !== undefined && json !== '-') {
    checkOutput('--json', json, [
      { what: 'the model', path: flags.required('model') },
      { what: 'the recipe', path: flags.text('recipe') },
    ]);
    checkFile('--json', json, flags.on('overwrite'));
  }
  const length = flags.text('length');
  if (length !== undefined) flags.complete({ 'max-length': length }, '--length');
  const { lowering, adapter, assumed } = await plannedOn(flags, output);
  const { target } = lowering;
  // The command of a run has other flags as well, which change nothing of what is read here.
  const ofTrain = flags as unknown as TrainFlags;
  const given = readGiven(ofTrain, await startKind(ofTrain));
  const asked = await readAskedRun(ofTrain, given, output);
  const { files, definition } = asked;
  const settings = { ...settingsOf(flags, asked, lowering), storedAs: await typesOf(files, definition) };
  const memory = readMemory(flags, 'memory');
  const memoryBytes = memory?.bytes;
  const buckets = bucketsOf(asked);
  const sizes = buckets?.(settings.options);
  const training = await planMemory(lowering, definition, { ...settings, ...(sizes && { buckets: sizes }) });
  const problems = memoryProblems(training, target.limits, memoryBytes);
  const advice =
    problems.length > 0
      ? await adviseMemory(
          lowering,
          definition,
          { ...settings, ...(buckets && { bucketsOf: buckets }) },
          memoryBytes,
        )
      : [];
  const context = Math.min(flags.integer('context', 2) ?? CONTEXT, definition.shape.maxPositions);
  // An encoder writes nothing.
  const generation =
    definition.pooling === undefined
      ? await planGeneration(lowering, definition, {
          precision: settings.precision,
          baseWeights: settings.baseWeights,
          storedAs: settings.storedAs,
          sequences: 1,
          maxLength: context,
          adapter: adapterOf(settings.options)?.config,
        })
      : undefined;

  const { options, precision, baseWeights } = settings;
  const result = {
    model: flags.required('model'),
    adapter,
    assumed,
    settings: {
      method: options.method,
      ...(options.objective !== undefined && { objective: options.objective }),
      rank: options.rank,
      targets: asked.spec.targets,
      length: options.maxLength,
      batch: options.batch,
      precision,
      baseWeights,
      checkpointing: options.checkpointing,
    },
    ...(definition.decoder?.experts && {
      parameters: { all: parametersOf(definition), active: activeParametersOf(definition) },
    }),
    training,
    ...(sizes?.repeated && {
      repeated: { ...sizes.repeated, shared: sizes.probes?.gradients !== undefined },
    }),
    ...(generation && { generation: { context, ...generation } }),
    limits: {
      maxBufferSize: target.limits.maxBufferSize,
      maxStorageBufferBindingSize: target.limits.maxStorageBufferBindingSize,
      ...(memoryBytes !== undefined && { memory: memoryBytes }),
    },
    fits: problems.length === 0,
    problems,
    advice: advice.map((one) => {
      const { change, text, peakBytes, fits } = one;
      return { change, text, flags: flagsOf(settings, one.settings), peakBytes, fits };
    }),
  };
  if (problems.length > 0) process.exitCode = EXIT.doesNotFit;
  const text = `${JSON.stringify(result, null, 2)}\n`;
  if (json === '-') {
    output.result(text);
    return;
  }
  if (json !== undefined) await writeWhole(json, new TextEncoder().encode(text));
  output.result(describe({ ...result, repeated: sizes && plannedWords(sizes) }, memory));
  if (json !== undefined) output.line(`Wrote ${json}`);
}

/** The CPU engine's name in reports. */
const PROCESSOR = 'the processor';

/** The device of a plan. */
interface Planned {
  readonly lowering: Lowering;
  readonly adapter: string;
  /** Whether nobody named it: then it is the one that a run would take here. */
  readonly assumed: boolean;
}

async function plannedOn(flags: PlanFlags, output: Output): Promise<Planned> {
  const name = flags.text('device');
  // Limits of buffers are those of a GPU, which may be elsewhere.
  const isTypical = name?.toLowerCase() === TYPICAL || (name === undefined && hasLimits(flags));
  const assumed = name === undefined && !isTypical;
  const choice = readKernels(flags);
  const gpu =
    isTypical || isProcessor(name)
      ? undefined
      : assumed
        ? await usualGpu(choice)
        : await openNamed(name!, choice);
  if (!gpu && !isTypical) {
    refuseBuilds(choice);
    return {
      adapter: PROCESSOR,
      assumed,
      lowering: new CpuLowering(cpuTarget(flags.integer('threads', 1) ?? processorThreads())),
    };
  }
  if (gpu) await useStored(gpu, openProcessor, output);
  const { features, limits, software, kernels, tuning }: GpuTarget = gpu ?? usualGpuWith(choice);
  const allowed = (flag: (typeof LIMITS)[number], limit: number): number =>
    Math.min(limit, (flags.positive(flag) ?? Infinity) * MIB);
  return {
    adapter: gpu ? gpu.adapter.description || gpu.adapter.vendor : 'a typical GPU',
    assumed,
    lowering: new GpuLowering({
      features,
      software,
      kernels,
      tuning,
      limits: {
        ...limits,
        maxBufferSize: allowed('max-buffer', limits.maxBufferSize),
        maxStorageBufferBindingSize: allowed('max-binding', limits.maxStorageBufferBindingSize),
      },
    }),
  };
}

const LIMITS = ['max-buffer', 'max-binding'] as const;
const hasLimits = (flags: PlanFlags): boolean => LIMITS.some((flag) => flags.isGiven(flag));

/** @throws GraftError `precision-f16`, `weights-frozen` */
function settingsOf(flags: PlanFlags, { spec, start }: AskedRun, { target }: Lowering): AdviceSettings {
  const precision = resolvePrecision(flags.choice('precision', PRECISIONS) ?? 'auto', target);
  const baseWeights = readWeightChoices(flags);
  checkChoices(baseWeights, { trainable: learnerOf(spec).trainsModel === true, target });
  return { precision, baseWeights, ...(start && { modules: start.modules }), options: spec };
}

/** The micro-batches of the rows; undefined if the call names no file, and full ones are planned. */
function bucketsOf({ spec, rows }: AskedRun): AdviceSettings['bucketsOf'] {
  if (!rows || rows.train.length === 0) return undefined;
  const { train, validation } = rows;
  // Rows are not cut again: of a shorter limit the advice says nothing.
  return (changed) =>
    changed.maxLength === spec.maxLength
      ? runBuckets({ ...spec, ...changed }, train, validationRows(validation))
      : undefined;
}

/** The types of the weights in their file, if it is there. */
export async function typesOf(files: FileSet, definition: ModelDefinition): Promise<StoredAs | undefined> {
  try {
    const source = await openModelWeights(files, definition);
    return (spec) => storedType(source, spec) ?? 'F32';
  } catch (error) {
    if (error instanceof GraftError && error.code === 'weights-missing') return undefined;
    throw error;
  }
}

const PARTS: readonly (readonly [keyof MemoryParts, string])[] = [
  ['base', 'weights of the model'],
  ['adapter', 'adapter'],
  ['gradients', 'gradients'],
  ['optimiser', 'optimiser'],
  ['activations', 'activations and scratch'],
  ['inputs', 'inputs'],
  ['commands', 'parameters of the dispatches'],
  ['staging', 'readback'],
];

interface Described {
  readonly adapter: string;
  /** What repeats in the rows, in words. */
  readonly repeated: string | undefined;
  readonly assumed: boolean;
  readonly settings: {
    readonly batch: number;
    readonly length: number;
    readonly objective?: string;
    readonly precision: 'f32' | 'f16';
  };
  /** All parameters of a mixture of experts, and those that compute one token. */
  readonly parameters?: { readonly all: number; readonly active: number };
  readonly training: Awaited<ReturnType<typeof planMemory>>;
  readonly generation?: {
    readonly context: number;
    readonly bytes: number;
    readonly cache: number;
    readonly dispatchesPerLayer: number;
  };
  readonly problems: ReturnType<typeof memoryProblems>;
  readonly advice: readonly {
    readonly text: string;
    readonly flags: readonly string[];
    readonly peakBytes: number;
    readonly fits: boolean;
  }[];
}

/** The flags that turn one run into another, as they are typed. */
function flagsOf(before: AdviceSettings, after: AdviceSettings): string[] {
  const [a, b] = [before.options, after.options];
  return [
    ...(a.batch === b.batch ? [] : [`--batch ${b.batch}`]),
    ...(a.accumulate === b.accumulate ? [] : [`--accumulate ${b.accumulate}`]),
    ...(b.checkpointing && !a.checkpointing ? ['--checkpointing'] : []),
    ...(before.precision === after.precision ? [] : [`--precision ${after.precision}`]),
    ...(after.baseWeights && before.baseWeights?.matrices !== after.baseWeights.matrices
      ? [`--base-weights ${after.baseWeights.matrices}`]
      : []),
    ...(a.maxLength === b.maxLength ? [] : [`--max-length ${b.maxLength}`]),
    ...(a.rank === b.rank ? [] : [`--rank ${b.rank}`]),
  ];
}

const millions = (count: number): string => (count / 1e6).toFixed(count < 1e7 ? 2 : 0);

function describe(
  {
    adapter,
    assumed,
    settings: { batch, length, objective, precision },
    training,
    parameters,
    repeated,
    generation,
    problems,
    advice,
  }: Described,
  memory?: MemorySize,
): string {
  const { rows } = objectiveOf(objective);
  const machine = adapter === PROCESSOR ? 'WebAssembly' : 'the GPU';
  const { parts, peakBytes, largestBuffer, largestBinding, split } = training;
  /** Formats bytes in the unit of the given memory. */
  const size = (bytes: number): string => memory?.show(bytes) ?? formatBytes(bytes);
  const row = (bytes: number, text: string): string => `${formatBytes(bytes).padStart(10)}  ${text}`;
  const lines = [
    `On ${adapter}, in ${precision}${assumed ? `, as graft train would run it here (--device ${TYPICAL} plans for a GPU elsewhere)` : ''}:`,
    ...(parameters
      ? [`A token meets ${millions(parameters.active)} of ${millions(parameters.all)} million parameters.`]
      : []),
    row(
      peakBytes,
      `for training, at its peak: ${plural(batch, rows === 'pairs' ? 'pair' : 'row')} of ${rows === 'answers' ? '' : 'twice '}${length} tokens at once`,
    ),
    // A full fine-tuning has no adapter: its weights are the model’s.
    ...PARTS.filter(([part]) => part !== 'adapter' || parts.adapter > 0).map(([part, name]) =>
      row(parts[part], `  ${name}`),
    ),
    row(largestBuffer.bytes, `in the largest buffer (${largestBuffer.label})`),
    row(largestBinding.bytes, `in the largest binding (${largestBinding.label})`),
    ...split.map(({ label, pieces, bytes }) => row(bytes, `in the largest of ${pieces} shards of ${label}`)),
    `${String(training.dispatches).padStart(10)}  dispatches a step (${Math.round(training.dispatchesPerLayer)} a layer), in ${plural(training.submits, 'submit')}`,
    ...(repeated === undefined ? [] : [repeated]),
    ...(generation
      ? [
          row(
            generation.bytes,
            `for generation of ${generation.context} tokens, ${formatBytes(generation.cache)} of them what layers keep of tokens`,
          ),
          `${Math.round(generation.dispatchesPerLayer).toString().padStart(10)}  dispatches a layer for a new token`,
        ]
      : []),
    ...problems.map(({ label, limit, bytes, allowed }) =>
      limit === 'dispatch'
        ? `Too large: ${label} takes ${bytes} workgroups side by side, and WebGPU dispatches ${allowed}.`
        : `Too large: ${label} takes ${size(bytes)}, and ${machine} ${limit === 'memory' ? 'has' : `allows a ${limit} of`} ${size(allowed)}.`,
    ),
    ...advice.map(
      ({ text, flags, peakBytes: bytes, fits }) =>
        `${fits ? 'Would fit' : 'Takes less'}: ${text} ${size(bytes)} at the peak with ${flags.join(' ')}.`,
    ),
    verdict(peakBytes, problems.length === 0, machine, memory),
  ];
  return `${lines.join('\n')}\n`;
}

/** Whether the run fits, in the unit that the memory was given in. */
function verdict(peakBytes: number, fits: boolean, machine: string, memory: MemorySize | undefined): string {
  if (!memory)
    return fits
      ? `No buffer is larger than ${machine} allows. Give --memory to learn whether the run fits.`
      : 'Does not fit.';
  const sizes = `${memory.show(peakBytes)} at the peak, and ${machine === 'the GPU' ? machine : 'this machine'} has ${memory.show(memory.bytes)}`;
  if (fits) return `Fits: ${sizes}.`;
  return peakBytes > memory.bytes ? `Does not fit: ${sizes}.` : 'Does not fit: see what is too large above.';
}
