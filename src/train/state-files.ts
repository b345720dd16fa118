/** A run's state as two files: state.json with the counters and the run's settings, state.safetensors with every array as `plane/name`. */
import * as v from 'valibot';
import { GraftError } from '../errors.ts';
import { readJson, type ByteSource, type FileSet } from '../weights/bytes.ts';
import { toFloat32 } from '../weights/dtypes.ts';
import {
  concatBytes,
  parseSafetensors,
  writeSafetensors,
  type SafetensorsEntry,
} from '../weights/safetensors.ts';
import type { NamedArrays, TrainerState } from './state.ts';

const COUNTERS = 'state.json';
const ARRAYS = 'state.safetensors';
/** The names of both. */
export const STATE_FILES: readonly string[] = [COUNTERS, ARRAYS];

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const Saved = v.object({
  counters: v.object({
    step: count,
    steps: count,
    seed: count,
    bestEvalLoss: v.optional(v.number()),
    evaluationsSinceBest: count,
    startEvalLoss: v.optional(v.number()),
    evaluationDue: v.optional(v.boolean()),
  }),
  fingerprint: v.string(),
  begun: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/),
      v.check((time) => !Number.isNaN(Date.parse(time)), 'no such time'),
    ),
  ),
});

export interface SavedState {
  readonly state: TrainerState;
  /** The fingerprint of data and settings that a resumed run must share. */
  readonly fingerprint: string;
  /** When the run began, if its rows are rendered anew and may contain the time: `2026-11-26T10:39:26`, local time without a zone. */
  readonly begun?: string;
}

/** Names that are not planes of the optimiser. */
const OWN_PLANES: readonly string[] = ['values', 'best', 'start', 'reference'];

/** The files of a saved run, by name: counters as JSON, and f32 arrays as safetensors. @throws RangeError as `writeSafetensors` */
export function writeState({
  state,
  fingerprint,
  begun,
}: SavedState): Record<string, Uint8Array<ArrayBuffer>> {
  const planes: [string, NamedArrays | undefined][] = [
    ['values', state.values],
    ...state.optimiser,
    ['best', state.best],
    ['start', state.start],
    ['reference', state.reference],
  ];
  const tensors = planes.flatMap(([plane, arrays]) =>
    [...(arrays ?? [])].map(([name, data]) => ({
      name: `${plane}/${name}`,
      dtype: 'F32' as const,
      shape: [data.length],
      data,
    })),
  );
  const saved: v.InferOutput<typeof Saved> = { counters: state.counters, fingerprint, begun };
  return {
    [COUNTERS]: new TextEncoder().encode(`${JSON.stringify(saved, null, 2)}\n`),
    [ARRAYS]: concatBytes(writeSafetensors(tensors)),
  };
}

/** @throws GraftError `state-missing`, `state-format` */
export async function readState(files: FileSet): Promise<SavedState> {
  const json = await readJson(files, COUNTERS, 1 << 20);
  const source = await files.open(ARRAYS);
  if (!json || !source)
    throw new GraftError(
      'state-missing',
      `${files.name} has no saved run (${COUNTERS}, ${ARRAYS}).`,
      'Give the folder that an interrupted run named.',
    );
  const parsed = v.safeParse(Saved, json);
  if (!parsed.success)
    throw new GraftError(
      'state-format',
      `${files.name}/${COUNTERS} is not a saved run: ${parsed.issues[0].message.slice(0, 200)}.`,
      'Start the run again.',
    );
  const planes = new Map<string, Map<string, Float32Array<ArrayBuffer>>>();
  for (const [name, entry] of await readArrays(source, files.name)) {
    const slash = name.indexOf('/');
    const plane = name.slice(0, slash);
    if (!planes.has(plane)) planes.set(plane, new Map());
    planes
      .get(plane)!
      .set(name.slice(slash + 1), Float32Array.from(toFloat32(await entry.read(), entry.dtype, name)));
  }
  const plane = (name: string): NamedArrays => {
    const arrays = planes.get(name);
    if (!arrays)
      throw new GraftError('state-format', `${files.name}/${ARRAYS} has no ${name}.`, 'Start the run again.');
    return arrays;
  };
  const { counters, fingerprint, begun } = parsed.output;
  return {
    state: {
      counters,
      values: plane('values'),
      optimiser: new Map([...planes].filter(([name]) => !OWN_PLANES.includes(name))),
      best: planes.get('best'),
      start: planes.get('start'),
      reference: planes.get('reference'),
    },
    fingerprint,
    begun,
  };
}

/** Errors about its arrays mention a saved state, since downloading it again would not help. */
async function readArrays(source: ByteSource, folder: string): Promise<Map<string, SafetensorsEntry>> {
  try {
    return await parseSafetensors(source);
  } catch (cause) {
    if (!(cause instanceof GraftError)) throw cause;
    throw new GraftError(
      'state-format',
      `The saved state in ${folder} is damaged: ${cause.what.replace(/\.$/, '')}.`,
      'Continue from an earlier state, or start the run again.',
      { cause },
    );
  }
}
