/** Graft's own files: archives, records, saved runs. */
import { zipSync } from 'fflate';
import * as v from 'valibot';
import { decodeUtf8, parseJson } from '../../../src/json.ts';
import { readState, writeState } from '../../../src/train/state-files.ts';
import { memoryFiles } from '../../../src/weights/bytes.ts';
import * as layout from '../../../src/worker/archive/layout.ts';
import { ZipReader } from '../../../src/export/zip/reader.ts';
import { allOf, mutateSafetensors, numbers } from './model-targets.ts';
import { below, joined, json, mutateBytes, mutateJson, pick } from './mutate.ts';
import type { Target } from './target.ts';

const DATA_REF = { name: 'a.jsonl', version: 'a'.repeat(64), created: 1 };
const DATA_OPTIONS = {
  maxLength: 64,
  overlong: 'truncate-end',
  validation: 0.1,
  test: 0.1,
  seed: 1,
  mapping: { prompt: '{{a}}', answer: '{{b}}' },
};
const STEP = {
  step: 1,
  steps: 2,
  loss: 1,
  lr: 0.1,
  gradNorm: 1,
  supervisedTokens: 3,
  seconds: 1,
  tokensPerSecond: 1,
  secondsLeft: 1,
  gpuBytes: 1,
};
const SETTINGS = {
  name: 'run',
  steps: 2,
  batch: 1,
  accumulate: 1,
  maxLength: 64,
  lr: 0.1,
  schedule: 'cosine',
  warmup: 0,
  weightDecay: 0,
  clip: 1,
  rank: 4,
  alpha: 8,
  dropout: 0,
  rsLora: false,
  targets: ['all-linear'],
  rateRatio: 1,
  seed: 1,
  packing: false,
  evalEvery: 0,
  patience: 0,
  sampleEvery: 0,
  samplePrompt: '',
};
const SHARE = { count: 1, total: 2, interval: [0, 1] };
const ORIGIN = { time: 1, model: { name: 'sprig', bundled: true, fingerprint: 'x' } };
const RECORDS = {
  'graft.json': {
    schema: layout.ManifestFile,
    value: { format: layout.ARCHIVE_FORMAT, version: layout.VERSION, created: 1 },
  },
  'project.json': {
    schema: layout.ProjectFile,
    value: {
      id: 'p1',
      name: 'Mine',
      created: 1,
      changed: 2,
      model: { name: 'sprig', bundled: true },
      data: 'a'.repeat(64),
      place: 'task',
      page: {},
    },
  },
  'data.json': {
    schema: layout.DataSetFile,
    value: {
      ...DATA_REF,
      options: DATA_OPTIONS,
      files: ['a.jsonl'],
      format: 'completion',
      rows: 3,
      bytes: 100,
    },
  },
  'run.json': {
    schema: layout.RunFile,
    value: {
      id: 'r1',
      created: 1,
      status: 'done',
      settings: SETTINGS,
      baseModel: 'sprig',
      modelFingerprint: 'x',
      bundled: true,
      dataName: 'a',
      data: DATA_REF,
      dataOptions: DATA_OPTIONS,
      command: 'graft train',
      steps: [STEP],
      evals: [{ step: 1, loss: 2 }],
      samples: [{ step: 1, text: 'x' }],
    },
  },
  'rows.json': {
    schema: layout.RowsFile,
    value: {
      train: [{ ids: [1, 2], labels: [-100, 2], line: 1 }],
      validation: [],
      test: [],
      questions: [{ prompt: 'a', expected: 'b', ask: [{ role: 'user', content: 'a' }] }],
    },
  },
  'adapter.json': {
    schema: layout.AdapterFile,
    value: {
      id: 'a1',
      name: 'A',
      note: '',
      baseModel: 'sprig',
      rank: 4,
      alpha: 8,
      targets: ['q_proj'],
      parameters: 100,
      created: 1,
      data: DATA_REF,
    },
  },
  'fewShot.json': {
    schema: layout.ResultFile,
    value: {
      kind: 'fewShot',
      changed: 1,
      value: {
        origin: ORIGIN,
        shots: [{ prompt: 'a', answer: 'b' }],
        rows: [],
        exact: SHARE,
        promptTokens: 3,
        seconds: 1,
      },
    },
  },
  'model.json': { schema: layout.ModelFile, value: { name: 'm', files: ['config.json'] } },
  'settings.json': {
    schema: v.record(v.string(), v.unknown()),
    value: { theme: 'dark', 'base-weights': { m: 'q8_0' } },
  },
} as const;
const RECORD_NAMES = Object.keys(RECORDS) as (keyof typeof RECORDS)[];
/** A record that the schema accepts or rejects: both are fine. */
function readRecord(name: keyof typeof RECORDS, bytes: Uint8Array): void {
  v.safeParse(RECORDS[name].schema as v.GenericSchema, parseJson(decodeUtf8(bytes, name), name), {
    abortEarly: true,
  });
}
const recordTarget: Target = {
  name: 'records of archives and settings',
  count: 70_000,
  make(random) {
    const name = pick(random, RECORD_NAMES);
    const bytes = json(mutateJson(random, RECORDS[name].value));
    return { [name]: below(random, 6) ? bytes : mutateBytes(random, bytes) };
  },
  run(input) {
    const [name] = Object.keys(input) as (keyof typeof RECORDS)[];
    readRecord(name, input[name]);
  },
};

const archiveTarget: Target = {
  name: 'archives',
  count: 30_000,
  make(random) {
    const files = Object.fromEntries(
      RECORD_NAMES.map((name) => [
        name,
        json(below(random, 3) ? RECORDS[name].value : mutateJson(random, RECORDS[name].value)),
      ]),
    );
    const zip = zipSync(files, { level: pick(random, [0, 6] as const) });
    // The directory lies at the end.
    return {
      'graft.zip':
        below(random, 3) === 0
          ? Uint8Array.from(zip)
          : below(random, 2)
            ? mutateBytes(random, zip)
            : joined(zip.subarray(0, zip.length - 900), mutateBytes(random, zip.subarray(zip.length - 900))),
    };
  },
  async run(input) {
    const zip = await ZipReader.open('graft.zip', new Blob([input['graft.zip']]));
    await allOf(
      zip.names.map((name) => async () => {
        const bytes = await zip.read(name, 2 ** 20);
        if (name in RECORDS) readRecord(name as keyof typeof RECORDS, bytes);
      }),
    );
  },
};

const STATE = writeState({
  state: {
    counters: { step: 3, steps: 10, seed: 1, evaluationsSinceBest: 0 },
    values: new Map([['a', numbers(8)]]),
    optimiser: new Map([
      ['first', new Map([['a', numbers(8)]])],
      ['second', new Map([['a', numbers(8)]])],
    ]),
  },
  fingerprint: JSON.stringify({ data: 'x', settings: {} }),
  begun: '2026-11-26T10:39:26',
});
const stateTarget: Target = {
  name: 'saved runs',
  count: 50_000,
  make(random) {
    const saved = JSON.parse(new TextDecoder().decode(STATE['state.json'])) as unknown;
    const broken = below(random, 2);
    return {
      'state.json': broken ? STATE['state.json'] : json(mutateJson(random, saved)),
      'state.safetensors': broken
        ? mutateSafetensors(random, STATE['state.safetensors'])
        : STATE['state.safetensors'],
    };
  },
  run: async (input) => void (await readState(memoryFiles(input))),
};

export const keptTargets: readonly Target[] = [archiveTarget, recordTarget, stateTarget];
