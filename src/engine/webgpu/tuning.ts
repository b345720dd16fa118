import type { AdapterDescription } from '../device.ts';
import type { ChosenProduct } from './product-class.ts';

/** Tile of one lane of matmul_register.wgsl, in 4×4 blocks. */
export interface RegisterTile {
  rows: 1 | 2 | 4 | 8 | 16;
  columns: 1 | 2 | 4;
}

/** How matrix products run on an adapter. */
export interface MatmulTuning {
  /** `registers` for adapters that run on the CPU, `tiles` in shared memory for GPUs, `plain` if both give wrong results. */
  family: 'registers' | 'tiles' | 'plain';
  /** Whether the lanes of the register kernels share their loads by quadBroadcast; needs subgroups. */
  quads: boolean;
  /** Invocations of a workgroup of the register kernels: the adapter's SIMD width. */
  lanes: number;
  /** Largest register tile, for each layout. */
  NT: RegisterTile;
  NN: RegisterTile;
  TN: RegisterTile;
  /** Whether shared-memory tiles of 128×64 beat those of 64×64 if there are enough of them. */
  tallTiles: boolean;
  /** Workgroups that keep the adapter busy: with fewer, a long K is split. */
  workgroups: number;
}

/** Seconds that a submit should take at most. The screen waits for it. */
export const SUBMIT_SECONDS = 0.1;

/** Assumed until the first steps show the speed (pace.ts): 80, 20 and 5 GFLOP/s, and 10 GB/s. A software adapter has no watchdog. */
const FLOPS_PER_SUBMIT: Record<MatmulTuning['family'], number> = { tiles: 8e9, registers: 2e9, plain: 5e8 };
const SOFTWARE_FLOPS = 8e9;
const BYTES_PER_SUBMIT = 1e9;

/** Measured or assumed values of an adapter. Plain JSON: callers store it. */
export interface Tuning {
  /** Floating-point operations of a submit of {@link SUBMIT_SECONDS}, if it has nothing else to do: drivers end submits that run for seconds. */
  flopsPerSubmit: number;
  /** Bytes that it reads or writes, if it has nothing else to do. */
  bytesPerSubmit: number;
  matmul: MatmulTuning;
  /** Kernels that were measured for products of a model on this device: tune-products.ts. Kept apart from the rest. */
  products?: readonly ChosenProduct[];
  /** Whether attention and sums over rows have kernels whose threads share nothing, on a GPU that gets the others wrong. */
  simple: { attention: boolean; rows: boolean };
}

export const KERNEL_LAYOUTS = ['NT', 'NN', 'TN'] as const;

/** Whether something that was stored is a tuning of this version. */
export function isTuning(value: unknown): value is Tuning {
  if (
    !isRecord(value) ||
    !isPositive(value['flopsPerSubmit']) ||
    !isPositive(value['bytesPerSubmit']) ||
    !isRecord(value['matmul'])
  )
    return false;
  const { matmul, simple } = value;
  if (!isRecord(simple) || typeof simple['attention'] !== 'boolean' || typeof simple['rows'] !== 'boolean')
    return false;
  const flags = typeof matmul['quads'] === 'boolean' && typeof matmul['tallTiles'] === 'boolean';
  const families: unknown[] = ['registers', 'tiles', 'plain'];
  const family = families.includes(matmul['family']);
  const lanes = matmul['lanes'] === 4 || matmul['lanes'] === 8 || matmul['lanes'] === 16;
  return (
    flags &&
    family &&
    lanes &&
    isPositive(matmul['workgroups']) &&
    KERNEL_LAYOUTS.every((layout) => isRegisterTile(matmul[layout]))
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isPositive(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0;
}

function isRegisterTile(value: unknown): value is RegisterTile {
  const rows: unknown[] = [1, 2, 4, 8, 16];
  const columns: unknown[] = [1, 2, 4];
  return isRecord(value) && rows.includes(value['rows']) && columns.includes(value['columns']);
}

const WIDE: RegisterTile = { rows: 16, columns: 4 };
const NARROW: RegisterTile = { rows: 2, columns: 2 };

/** Software adapters by their names: Chromium's, Mesa's and Windows'. */
const SOFTWARE = {
  swiftshader: /swiftshader/i,
  lavapipe: /llvmpipe|lavapipe/i,
  warp: /basic render|\bwarp\b/i,
};
type SoftwareAdapter = keyof typeof SOFTWARE;

/** Which software adapter this is; undefined for a GPU. */
export function softwareAdapter({
  architecture,
  description,
}: AdapterDescription): SoftwareAdapter | undefined {
  const names = Object.keys(SOFTWARE) as SoftwareAdapter[];
  return names.find((name) => SOFTWARE[name].test(`${architecture} ${description}`));
}

/** Whether an adapter runs on the processor: by its name, or as it says itself. */
export function isSoftware(adapter: AdapterDescription): boolean {
  return adapter.fallback === true || softwareAdapter(adapter) !== undefined;
}

/** The builds of kernels that an adapter gets: `gpu` for threads that share memory, `software` for adapters that run on the processor. */
export type KernelBuilds = 'gpu' | 'software';

/** A person's choice of builds: `auto` goes by the adapter's name. */
export type KernelChoice = 'auto' | KernelBuilds;

export const KERNEL_CHOICES: readonly KernelChoice[] = ['auto', 'gpu', 'software'];

/** The builds that a choice means on an adapter. */
export function kernelBuilds(adapter: AdapterDescription, choice: KernelChoice = 'auto'): KernelBuilds {
  if (choice !== 'auto') return choice;
  return isSoftware(adapter) ? 'software' : 'gpu';
}

/** The adapter and its builds as one name, under which their measurements are kept: see measured-on.ts for what they depend on. */
export function tuningName(adapter: AdapterDescription, kernels: KernelBuilds): string {
  const { vendor, architecture, description } = adapter;
  const builds = kernels === kernelBuilds(adapter) ? '' : ` with ${kernels} kernels`;
  return `${vendor} ${architecture} ${description}${builds}`;
}

/** The tuning with other kernels, whose speed is not known. */
export function withKernels(
  { matmul, simple, ...speed }: Tuning,
  changes: { readonly matmul?: Partial<MatmulTuning>; readonly simple?: Partial<Tuning['simple']> },
): Tuning {
  const tuning = { matmul: { ...matmul, ...changes.matmul }, simple: { ...simple, ...changes.simple } };
  const min = tuning.simple.attention ? FLOPS_PER_SUBMIT.registers : Infinity;
  return {
    ...speed,
    ...tuning,
    flopsPerSubmit: Math.min(speed.flopsPerSubmit, FLOPS_PER_SUBMIT[tuning.matmul.family], min),
  };
}

/** A sensible tuning without a measurement; `measureTuning` in measure-tuning.ts finds a better one. */
export function defaultTuning(adapter: AdapterDescription, kernels = kernelBuilds(adapter)): Tuning {
  // Measured: 64×16 tiles win on SwiftShader (4 lanes), 8×8 on lavapipe (8 lanes). WARP has vectors as wide, and was not measured.
  if (kernels === 'software')
    return softwareAdapter(adapter) === 'swiftshader' ? softwareTuning(4, WIDE) : softwareTuning(8, NARROW);
  return {
    flopsPerSubmit: FLOPS_PER_SUBMIT.tiles,
    bytesPerSubmit: BYTES_PER_SUBMIT,
    matmul: {
      family: 'tiles',
      quads: true,
      lanes: 8,
      NT: NARROW,
      NN: NARROW,
      TN: NARROW,
      tallTiles: true,
      workgroups: 96,
    },
    simple: { attention: false, rows: false },
  };
}

function softwareTuning(lanes: number, tile: RegisterTile): Tuning {
  return {
    flopsPerSubmit: SOFTWARE_FLOPS,
    bytesPerSubmit: BYTES_PER_SUBMIT,
    matmul: {
      family: 'registers',
      quads: true,
      lanes,
      NT: tile,
      NN: tile,
      TN: tile,
      tallTiles: false,
      workgroups: 4,
    },
    simple: { attention: false, rows: false },
  };
}
