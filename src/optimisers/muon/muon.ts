/**
 * Muon (Jordan and others, 2024), as torch.optim.Muon has it, in f32: the step of a matrix is its momentum made orthogonal, by five iterations of
 * Newton–Schulz. Vectors, and tables whose rows belong to ids (embeddings, head, virtual tokens), are updated by AdamW.
 *
 *   m ← μ m + (1 − μ) g;  u = (1 − μ) g + μ m;  X = u / ‖u‖;  5 times: A = X Xᵀ, X ← a X + (b A + c A²) X
 *   p ← p · (1 − lr · decay) − lr · factor · X
 */
import type { OwnKernels } from '../../engine/ops/own_kernel.ts';
import type { UpdateGraph } from '../../engine/ops/update.ts';
import type { ParameterSpec, StoredParameter } from '../../engine/parameters.ts';
import type { Tensor } from '../../engine/tensor.ts';
import type { Setting } from '../../settings/setting.ts';
import { ADAMW, adamw } from '../adamw/adamw.ts';
import { MOMENTUM } from '../momentum.ts';
import type { Optimiser } from '../optimiser.ts';
import { WEIGHT_DECAY } from '../weight-decay.ts';
import cpu from './muon.kernel.ts?raw';
import webgpu from './muon.wgsl?raw';

const FILE: OwnKernels = { name: 'muon', kernels: { webgpu, cpu } };

/** Newton–Schulz: the coefficients of the odd polynomial, and how often it is applied. */
const COEFFICIENTS = { identity: 3.4445, linear: -4.775, square: 2.0315 };
const ITERATIONS = 5;

const ADJUST_LR = {
  name: 'adjustLr',
  part: 'run',
  later: true,
  type: 'choice',
  choices: ['match_rms_adamw', 'original'],
  labels: { match_rms_adamw: 'As large as AdamW’s', original: 'By rows over columns' },
  flag: 'adjust-lr',
  placeholder: 'S',
  group: 'Rate',
  label: 'Learning rate adjustment',
  advanced: true,
  term: {
    id: 'muon',
    name: 'Muon',
    entry: {
      what: 'An optimiser for matrices. It turns the running mean of gradients into a step that moves all directions of a matrix by the same amount. Vectors and embeddings are left to AdamW. Steps are as large as AdamW’s (0.2 · √ of the longer side), or multiplied by √(rows / columns) if that is above 1.',
      start: 'As large as AdamW’s.',
      source:
        'Jordan and others, Muon: An optimizer for hidden layers in neural networks, 2024; Liu and others, Muon is Scalable for LLM Training, 2025, arXiv:2502.16982; torch.optim.Muon',
      also: 'muon newton schulz orthogonal adjust_lr_fn match_rms_adamw original',
    },
  },
  help: 'How the learning rate is adjusted for each matrix: steps as large as AdamW’s, or by the ratio of its sides (torch.optim.Muon adjust_lr_fn).',
  default: 'match_rms_adamw',
} as const satisfies Setting;

/** Whether a parameter is a matrix for Muon: two sides of more than one, and no table. */
const isMatrix = ({ shape, used = shape, table }: ParameterSpec): boolean =>
  !table && shape.length === 2 && used.length === 2 && Math.min(...used) > 1;

/** What multiplies the rate of a matrix, by its sides without padding. */
function factorOf({ shape, used = shape }: ParameterSpec, adjust: unknown): number {
  const [rows, columns] = used;
  return adjust === 'original'
    ? Math.sqrt(Math.max(1, rows / columns))
    : 0.2 * Math.sqrt(Math.max(rows, columns));
}

/** The momentum of a matrix, looked ahead and made orthogonal: [rows, columns]. */
function direction(graph: UpdateGraph, { spec, gradients, state }: StoredParameter): Tensor {
  const [rows, columns] = spec.shape;
  const size = rows * columns;
  const kernel = (name: string, tensors: Record<string, Tensor>, over: number, numbers = {}): void =>
    graph.kernel(tensors, { file: FILE, kernel: name, numbers: { ...UNUSED, ...numbers }, size: over });
  const ahead = graph.tensor([rows, columns], `${spec.name} momentum`);
  const { hyper, stats: outcome } = graph;
  kernel('muon_momentum', { hyper, outcome, x: gradients, out: ahead, momentum: state.get(PLANE)! }, size);
  const lengths = graph.tensor([rows], `${spec.name} rows`);
  graph.rowNorms(ahead, lengths);
  const norm = graph.tensor([1], `${spec.name} norm`);
  graph.rowNorms(lengths.reshape(1, rows), norm);
  let x = graph.tensor([rows, columns], `${spec.name} direction`);
  kernel('muon_normalise', { x: ahead, y: norm, out: x }, size);
  // The product of X with itself that is the smaller one: X Xᵀ, or Xᵀ X.
  const isTall = rows > columns;
  const side = Math.min(rows, columns);
  for (let iteration = 0; iteration < ITERATIONS; iteration++) {
    const square = (label: string): Tensor => graph.tensor([side, side], `${spec.name} ${label}`);
    const gram = graph.matmul({ a: x, b: x, layout: isTall ? 'TN' : 'NT', c: square('gram') });
    const twice = graph.matmul({ a: gram, b: gram, layout: 'NN', c: square('gram²') });
    const polynomial = square('polynomial');
    kernel('muon_polynomial', { x: gram, y: twice, out: polynomial }, side * side, { side, ...COEFFICIENTS });
    const [a, b] = isTall ? [x, polynomial] : [polynomial, x];
    x = graph.matmul({ a, b, layout: 'NN', c: graph.tensor([rows, columns], `${spec.name} direction`) });
  }
  return x;
}

/** The plane of the momentum: AdamW's first, so that one name means a running mean of gradients everywhere. */
const PLANE = 'first';
/** Parameters of the kernels that one of them leaves out. */
const UNUSED = { side: 1, identity: 0, linear: 0, square: 0, factor: 0, rateScale: 1 };

export const muon = {
  name: 'muon',
  label: 'Muon',
  help: 'Moves all directions of a matrix by the same amount, with half of AdamW’s memory and more work; vectors and embeddings by AdamW.',
  settings: [WEIGHT_DECAY, MOMENTUM, ADJUST_LR],
  defaults: { momentum: 0.95 },
  // Held-out loss after 50 steps on the bundled rows: docs/defaults.md.
  rate: 3,
  planes: ADAMW.planes,
  planesOf: (spec: ParameterSpec) => (isMatrix(spec) ? [PLANE] : ADAMW.planes),
  record(graph: UpdateGraph, { adjustLr }) {
    graph.elements(ADAMW);
    const { hyper, stats: outcome } = graph;
    for (const matrix of graph.parameters(isMatrix)) {
      const { spec, values: p, previous } = matrix;
      graph.kernel(
        { hyper, outcome, x: direction(graph, matrix), p, previous },
        {
          file: FILE,
          kernel: 'muon_apply',
          numbers: { ...UNUSED, factor: factorOf(spec, adjustLr), rateScale: spec.rateScale ?? 1 },
          size: p.size,
        },
      );
    }
  },
  encode: (step: number, { momentum }) => [...adamw.encode(step), momentum as number],
} as const satisfies Optimiser;
