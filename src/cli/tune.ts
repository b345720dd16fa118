/** `graft tune`: measures kernels for the matrix products of a model on this machine's GPU. */
import type { GpuDevice } from '../engine/webgpu/device.ts';
import {
  areTunedClasses,
  chosenProducts,
  tuneProducts,
  type TunedClass,
} from '../engine/webgpu/tune-products.ts';
import { GraftError } from '../errors.ts';
import { openProductBench } from '../evaluate/product-bench.ts';
import { classesOfModel } from '../evaluate/product-classes.ts';
import { productRows } from '../evaluate/product-words.ts';
import { className } from '../engine/webgpu/product-class.ts';
import { isObject, parseJson } from '../json.ts';
import { readAnyModel } from '../model/family.ts';
import { resolvePrecision } from '../model/precision.ts';
import { deviceName } from '../runs/card-facts.ts';
import { openProcessor } from './cpu.ts';
import { modelOf, readWhole, writeWhole } from './files.ts';
import { Flags, type FlagSpecs } from './flags.ts';
import { deviceFlag, isProcessor, openNamed, usualGpu } from './open-device.ts';
import { checkFile, checkOutput } from './output-path.ts';
import type { Output } from './output.ts';
import { typesOf } from './plan.ts';
import { modelFlags, PRECISIONS, readWeightChoices } from './session.ts';
import { forgetProducts, keepProducts, measuredHere, readProducts, useStored } from './tuning-store.ts';

/** Tokens of a micro-batch, as Train on the page starts with. */
const TOKENS = 512;
const RANK = 16;

export const tuneFlags = {
  model: { ...modelFlags.model, help: `${modelFlags.model.help}: its matmuls are measured` },
  tokens: { value: 'N', help: `tokens of a micro-batch of training (default: ${TOKENS})` },
  rank: { value: 'R', help: `rank of the adapter that will be trained (default: ${RANK})` },
  precision: modelFlags.precision,
  'base-weights': modelFlags['base-weights'],
  'embedding-weights': modelFlags['embedding-weights'],
  classes: { value: 'N', help: 'how many classes of matmuls to measure, the largest first (default: all)' },
  out: { value: 'FILE', help: 'where to write what was measured, for --import' },
  import: {
    value: 'FILE',
    help: 'use what another installation measured on such a GPU, and measure nothing',
  },
  forget: { help: 'delete what was measured on this GPU, and measure nothing' },
  overwrite: { help: 'replace the file that is at --out' },
  json: { help: 'one JSON object on standard output' },
  device: {
    ...deviceFlag,
    help: 'the GPU: webgpu for the best one, or a part of its name (default: webgpu)',
  },
  help: modelFlags.help,
} as const satisfies FlagSpecs;

type TuneFlags = Flags<typeof tuneFlags>;

export async function tuneCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = new Flags(tuneFlags, args);
  const [out, source] = [flags.text('out'), flags.text('import')];
  const device = await openTuned(flags, output);
  try {
    if (flags.on('forget')) {
      const had = await forgetProducts(device);
      output.line(
        had
          ? `The measurements on ${nameOf(device)} are deleted.`
          : `Nothing was measured on ${nameOf(device)}.`,
      );
      return;
    }
    if (out !== undefined) {
      checkOutput('--out', out, [{ what: 'the model', path: flags.text('model') }]);
      checkFile('--out', out, flags.on('overwrite'));
    }
    const classes =
      source === undefined ? await measure(flags, device, output) : await imported(source, device);
    await keepProducts(device, classes, output);
    const result = {
      adapter: nameOf(device),
      on: measuredHere(device),
      ranked: !device.software,
      products: classes,
    };
    const json = `${JSON.stringify(result, null, 2)}\n`;
    if (out !== undefined) await writeWhole(out, new TextEncoder().encode(json));
    output.result(flags.on('json') ? json : report(device, classes));
  } finally {
    device.close();
  }
}

const nameOf = ({ adapter }: GpuDevice): string => deviceName(adapter);

/** The GPU, with the kernels that it usually has. A software one gets those of GPUs. @throws GraftError `arguments`, `device-differs` */
async function openTuned(flags: TuneFlags, output: Output): Promise<GpuDevice> {
  const name = flags.text('device');
  if (isProcessor(name))
    throw new GraftError(
      'arguments',
      'The CPU engine has no kernels to choose from.',
      'Name a GPU with --device.',
    );
  const device = name === undefined ? await usualGpu('gpu') : await openNamed(name, 'gpu');
  if (!device)
    throw new GraftError(
      'engine-no-adapter',
      'This machine has no GPU whose kernels could be measured.',
      'Name a software GPU with --device to check the values of all candidates there, such as llvmpipe.',
    );
  // The tests compare software adapters with the processor.
  if (!device.software) await useStored(device, openProcessor, output);
  device.tuning = { ...device.tuning, products: [] };
  return device;
}

async function measure(flags: TuneFlags, device: GpuDevice, output: Output): Promise<TunedClass[]> {
  const { family } = device.tuning.matmul;
  if (family !== 'tiles')
    throw new GraftError(
      'device-differs',
      `${nameOf(device)} computes matmuls without tiles, because those with tiles were wrong on it.`,
      'There is nothing to choose from.',
    );
  const files = await modelOf(flags.required('model'));
  const definition = await readAnyModel(files);
  const all = await classesOfModel(device.lowering, definition, {
    precision: resolvePrecision(flags.choice('precision', PRECISIONS) ?? 'auto', device),
    baseWeights: readWeightChoices(flags),
    storedAs: await typesOf(files, definition),
    tokens: flags.integer('tokens', 1) ?? TOKENS,
    rank: flags.integer('rank', 1) ?? RANK,
  });
  const shapes = all.slice(0, flags.integer('classes', 1));
  const stop = new AbortController();
  const onSignal = (): void =>
    stop.abort(new GraftError('tuned-products', 'Stopped.', 'Call it again to continue.'));
  process.once('SIGINT', onSignal);
  const bench = await openProductBench(device);
  try {
    return await tuneProducts(shapes, device, bench, await readProducts(device), {
      signal: stop.signal,
      keep: (classes) => keepProducts(device, classes, output),
      onCandidate: (done, total, shape) =>
        output.progress(`Candidate ${Math.min(done + 1, total)} of ${total}: ${className(shape)}`),
    });
  } finally {
    process.off('SIGINT', onSignal);
    if (!device.failure) bench.close();
  }
}

/** @throws GraftError `tuned-products` if the file is not one of `--out`, or was measured on something else */
async function imported(path: string, device: GpuDevice): Promise<TunedClass[]> {
  const value = parseJson(new TextDecoder().decode(await readWhole(path)), path);
  if (!isObject(value) || !areTunedClasses(value['products']))
    throw new GraftError(
      'tuned-products',
      `${path} does not hold what graft tune --out writes.`,
      'Measure again, or choose another file.',
    );
  if (value['on'] !== measuredHere(device))
    throw new GraftError(
      'tuned-products',
      `${path} was measured on ${String(value['adapter'])}, or by another version of Graft or of the driver.`,
      `Measure on ${nameOf(device)} instead.`,
    );
  return value['products'];
}

function report(device: GpuDevice, classes: readonly TunedClass[]): string {
  const rows = productRows(classes);
  const lines = rows.flatMap(({ name, kernel, gflops, usualGflops, right, tried, givenUp }) => [
    name,
    device.software
      ? `  ${right} of ${tried} candidates have the right values`
      : `  ${kernel}: ${speed(gflops)}, usual ${speed(usualGflops)}, ${right} of ${tried} candidates right`,
    ...givenUp.map((why) => `  given up: ${why}`),
  ]);
  const faster = chosenProducts(classes).length;
  const end = device.software
    ? `${nameOf(device)} runs on the CPU: values were checked, and no candidate was ranked.`
    : `${faster} of ${classes.length} classes have a faster kernel now. Training and answers use them from now on.`;
  return `${[...lines, end].join('\n')}\n`;
}

const speed = (gflops: number | undefined): string =>
  gflops === undefined ? 'not measured' : `${gflops.toFixed(0)} GFLOP/s`;
