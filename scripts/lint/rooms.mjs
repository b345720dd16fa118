// @ts-check
/**
 * The import rules between the rooms of src/, as rules of oxlint and, for components, of ESLint. docs/architecture.md explains them; this table decides.
 * A room that is not in the table may not exist, and what a row does not name is forbidden.
 */
import { isBuiltin } from 'node:module';
import { dirname, join, relative, resolve, sep } from 'node:path';

/**
 * @typedef {object} Room
 * @property {string[]} imports rooms (or single files) of which it may import anything
 * @property {string[]} [types] rooms (or single files) of which it may import types only
 * @property {string[]} [packages] npm packages that are its own: they are forbidden everywhere else
 */

/** Files at the top of src/, which every room may import and which import only each other. */
const SHARED = [
  'abort-signals',
  'answers',
  'errors',
  'averages',
  'capital',
  'random',
  'json',
  'lists',
  'numbers',
  'requests',
  'smooth',
  'nearest-name',
  'proportion',
  'printable',
  'html',
  'repo-name',
];

/** The registries that a run is assembled from. */
const BELOW_RUNS = [
  'settings',
  'engine',
  'model',
  'adapters',
  'optimisers',
  'objectives',
  'scorers',
  'weights',
  'text',
  'data',
  'train',
  'evaluate',
  'export',
];

const EVERYTHING_BUT_APP = [...BELOW_RUNS, 'retrieval', 'runs', 'storage'];

/** @type {Record<string, Room>} */
export const ROOMS = {
  // The table of settings, which the page reads too: declarations only.
  settings: { imports: ['optimisers', 'objectives', 'adapters/learners.ts'], types: ['scorers'] },
  engine: { imports: ['shaders'] },
  weights: { imports: [], packages: ['@noble/hashes'] },
  text: { imports: [], packages: ['@huggingface/jinja', '@huggingface/tokenizers'] },
  model: { imports: ['engine', 'weights'] },
  data: {
    imports: ['text', 'export/zip/reader.ts'],
    types: ['settings'],
    packages: ['papaparse', 'htmlparser2'],
  },
  // The trainer records on the engine's tape and keeps its state as safetensors; examples reach it as token rows, so data is types.
  train: {
    imports: ['settings', 'engine', 'model', 'adapters', 'optimisers', 'objectives', 'weights', 'text'],
    types: ['data', 'scorers'],
  },
  // An adapter records its work on the engine's tape; the model gets it as hooks, and knows no kind.
  adapters: { imports: ['engine'], types: ['model', 'settings'] },
  // The page reads them with the text of their kernels, and nothing of the engine. A kernel in AssemblyScript extends the engine's.
  optimisers: {
    imports: ['engine/cpu/kernels/common', 'engine/cpu/kernels/update', 'engine/cpu/kernels/vectors'],
    types: ['engine', 'settings'],
  },
  // The same: they record on a graph that they are given.
  objectives: {
    imports: ['engine/cpu/kernels/pair_loss', 'scorers/rewards/setting.ts', 'adapters/learners.ts'],
    types: ['engine', 'settings', 'model/batch.ts'],
  },
  // Scores of answers. The page computes them from stored answers. A person's own code runs in an interpreter, which only this room has.
  scorers: {
    imports: ['settings/value-schema.ts', 'settings/values.ts'],
    types: ['settings'],
    packages: ['quickjs-emscripten-core', '@jitl/quickjs-wasmfile-release-sync'],
  },
  // Measures losses and generations of a model: it may name a device and a run, but makes none. The benchmark measures the trainer's work, and losses
  // are measured on the engine's own plans.
  evaluate: {
    imports: [
      'settings/spec.ts',
      'engine',
      'model',
      'adapters',
      'objectives/registry.ts',
      'scorers',
      'train',
      'text',
      'data',
      'retrieval/cited.ts',
      'retrieval/rerank.ts',
    ],
    types: ['retrieval'],
  },
  // Documents, chunks and rankings, which the page can use as the command does. Vectors come from the caller, and large products are the engine's.
  retrieval: {
    imports: ['engine', 'text/sandboxed-template.ts', 'data/encoding.ts', 'export/zip/reader.ts'],
    types: ['text'],
    packages: ['htmlparser2', 'unpdf'],
  },
  export: {
    imports: ['engine/tensor.ts', 'model', 'adapters', 'weights', 'text'],
    types: ['engine', 'train'],
  },
  // The store of a run is a port, which worker and cli implement: this room knows neither files nor a database.
  runs: { imports: BELOW_RUNS },
  // Stores what other rooms make: it knows their types and none of their code, except for reading a folder of files.
  storage: { imports: ['weights/bytes.ts'], types: ['data', 'train', 'weights'], packages: ['idb'] },
  // The chat page that `export` writes: a page and a worker of their own, which answer and do nothing else.
  'chat-page': { imports: ['engine', 'model', 'adapters', 'weights', 'text', 'evaluate', 'export'] },
  worker: { imports: EVERYTHING_BUT_APP, packages: ['comlink'] },
  cli: { imports: EVERYTHING_BUT_APP, packages: ['webgpu', 'assemblyscript'] },
  // Scores and verdicts are arithmetic on stored answers, which needs no model.
  app: {
    imports: [
      'settings',
      'data',
      'storage',
      'retrieval/file-pattern.ts',
      'evaluate/add-scorers.ts',
      'evaluate/blind.ts',
      'evaluate/by-task.ts',
      'evaluate/ceiling.ts',
      'evaluate/choice-report.ts',
      'evaluate/choices-in-words.ts',
      'evaluate/reliability.ts',
      'evaluate/chance.ts',
      'evaluate/change.ts',
      'evaluate/clusters.ts',
      'evaluate/columns.ts',
      'evaluate/check-words.ts',
      'evaluate/compared.ts',
      'evaluate/costs.ts',
      'evaluate/flips.ts',
      'evaluate/cells.ts',
      'evaluate/documents-weights.ts',
      'evaluate/forgetting.ts',
      'evaluate/grounding.ts',
      'evaluate/intervals.ts',
      'evaluate/judged.ts',
      'evaluate/judge-record.ts',
      'evaluate/judging-prompt-text.ts',
      'evaluate/lineage.ts',
      'evaluate/paired.ts',
      'evaluate/propose-parts.ts',
      'evaluate/reading-brief.ts',
      'evaluate/record.ts',
      'evaluate/record-file.ts',
      'evaluate/reading-words.ts',
      'evaluate/reward-scores.ts',
      'evaluate/report-files.ts',
      'evaluate/report-page.ts',
      'evaluate/rows-in-words.ts',
      'evaluate/sides.ts',
      'evaluate/slices.ts',
      'evaluate/run-took.ts',
      'evaluate/seeds.ts',
      'evaluate/seen.ts',
      'evaluate/success.ts',
      'evaluate/task-card.ts',
      'evaluate/tuned-table.ts',
      'evaluate/use-log.ts',
      'evaluate/verdict.ts',
      'evaluate/with-examples.ts',
      'retrieval/cited.ts',
      'retrieval/passages-template.ts',
      'retrieval/question-templates.ts',
      'retrieval/rerank.ts',
      // Columns, the form of each reward, and its checks; the worker opens scorers.
      'scorers',
    ],
    types: ['worker/api.ts'],
    packages: ['svelte', 'comlink'],
  },
};

const source = resolve(import.meta.dirname, '../../src');
const shaders = resolve(import.meta.dirname, '../../shaders');

/** @param {string} path @param {string} folder */
const inside = (path, folder) => path.startsWith(folder + sep);

/**
 * The room of a file: its name, `shared`, `shaders`, `top` (another file at the top of src/) or undefined (outside).
 *
 * @param {string} path absolute
 */
function roomOf(path) {
  if (inside(path, shaders)) return 'shaders';
  if (!inside(path, source)) return undefined;
  const parts = relative(source, path).split(sep);
  if (parts.length > 1) return parts[0];
  return SHARED.includes(parts[0].replace(/\.ts$/, '')) ? 'shared' : 'top';
}

/** @param {string} specifier */
const packageOf = (specifier) =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

/**
 * Why a file may not import something, or undefined if it may.
 *
 * @param {string} file absolute path of the importing file
 * @param {string} specifier as written
 * @param {boolean} typesOnly
 * @returns {string | undefined}
 */
export function forbidden(file, specifier, typesOnly) {
  const from = roomOf(file);
  if (from === undefined || from === 'shaders') return undefined;
  const room = ROOMS[from];
  if (!room && from !== 'shared')
    return `src/${relative(source, file)} lies in no room that scripts/lint/rooms.mjs knows.`;

  if (!specifier.startsWith('.')) {
    if (isBuiltin(specifier))
      return from === 'cli'
        ? undefined
        : `${from} runs in the browser too: only cli may import ${specifier}.`;
    const name = packageOf(specifier);
    const owners = Object.keys(ROOMS).filter((owner) => ROOMS[owner].packages?.includes(name));
    return owners.length === 0 || owners.includes(from)
      ? undefined
      : `Only ${owners.join(' and ')} may import ${name}, not ${from}.`;
  }

  const path = resolve(dirname(file), specifier.replace(/\?.*$/, ''));
  const to = roomOf(path);
  if (to === undefined) return `${from} may not import ${specifier}, which is outside of src/ and shaders/.`;
  if (to === from || to === 'shared') return undefined;
  if (from === 'shared') return `Files that every room imports may not import ${to}.`;
  const target = inside(path, source) ? relative(source, path).split(sep).join('/') : to;
  const matches = (/** @type {string[]} */ list) => list.includes(to) || list.includes(target);
  if (matches(room.imports) || (typesOnly && matches(room.types ?? []))) return undefined;
  const allowed = [...room.imports, ...(room.types ?? []).map((name) => `${name} (types only)`)];
  return `${from} may not import ${target}. It may import ${allowed.join(', ') || 'nothing'} and ${SHARED.join(', ')}.`;
}

/** @type {import('eslint').Rule.RuleModule} */
const imports = {
  meta: { type: 'problem', schema: [], docs: { description: 'which room of src/ may import which' } },
  create(context) {
    /**
     * @param {any} node
     * @param {unknown} specifier
     * @param {boolean} typesOnly
     */
    const check = (node, specifier, typesOnly) => {
      if (typeof specifier !== 'string') return;
      const message = forbidden(context.filename, specifier, typesOnly);
      if (message) context.report({ node, message });
    };
    /** @param {any} node whether every name it brings is marked `type` */
    const typesOnly = (node) => {
      if (node.importKind === 'type' || node.exportKind === 'type') return true;
      const names = node.specifiers ?? [];
      return (
        names.length > 0 &&
        names.every((/** @type {any} */ { importKind, exportKind }) =>
          [importKind, exportKind].includes('type'),
        )
      );
    };
    return {
      ImportDeclaration: (node) => check(node, node.source.value, typesOnly(node)),
      ExportNamedDeclaration: (node) => check(node, node.source?.value, typesOnly(node)),
      ExportAllDeclaration: (node) => check(node, node.source.value, typesOnly(node)),
      ImportExpression: (node) =>
        check(node, node.source.type === 'Literal' ? node.source.value : undefined, false),
      TSImportType: (/** @type {any} */ node) =>
        check(node, node.source?.value ?? node.argument?.literal?.value, true),
    };
  },
};

/** GPUDevice, GPUBuffer …: every WebGPU name but `GPU` itself, which worker and cli hand to the engine. */
export const GPU_NAME = /^GPU[A-Z]\w*$/;

/** Whether a file may name and touch what is WebGPU's. @param {string} path absolute */
export const ownsGpu = (path) => inside(path, join(source, 'engine', 'webgpu'));

/** @param {string} what an expression whose object is one of WebGPU's */
export const touches = (what) => `Only src/engine/webgpu may touch ${what}, which is WebGPU's.`;

/** @type {import('eslint').Rule.RuleModule} */
const owners = {
  meta: {
    type: 'problem',
    schema: [],
    docs: { description: 'only engine/webgpu names WebGPU, only storage names IndexedDB and OPFS' },
  },
  create(context) {
    const room = roomOf(context.filename);
    if (room === undefined) return {};
    const owner = ownsGpu(context.filename);
    // In components only. TypeScript files have gpu-objects.mjs.
    const services = /** @type {any} */ (context.sourceCode.parserServices);
    /** @param {any} node */
    const checkName = (node) => {
      if (!owner && GPU_NAME.test(node.name)) {
        context.report({ node, message: `Only src/engine/webgpu may name ${node.name}.` });
      }
      if (room !== 'storage' && (node.name === 'indexedDB' || /^IDB[A-Z]/.test(node.name))) {
        context.report({ node, message: `Only src/storage may name ${node.name}.` });
      }
    };
    /** Whatever it is called: an expression whose type is one of WebGPU's. @param {any} node */
    const isOfGpu = (node) => GPU_NAME.test(services?.getTypeAtLocation?.(node).getSymbol()?.name ?? '');
    /** @param {any} node */
    const checkMember = (node) => {
      const { object, property } = node;
      if (object.type === 'Identifier' && object.name === 'navigator' && property.type === 'Identifier') {
        if (property.name === 'gpu' && !['worker', 'chat-page', 'engine'].includes(room)) {
          context.report({
            node,
            message: 'Only src/worker and src/chat-page may use navigator.gpu, to hand it to the engine.',
          });
        }
        if (property.name === 'storage' && room !== 'storage') {
          context.report({ node, message: 'Only src/storage may use navigator.storage.' });
        }
      } else if (!owner && isOfGpu(node)) {
        context.report({ node, message: touches(context.sourceCode.getText(node)) });
      }
    };
    return { Identifier: checkName, MemberExpression: checkMember };
  },
};

/** @type {import('eslint').ESLint.Plugin} */
export default { meta: { name: 'rooms' }, rules: { imports, owners } };
