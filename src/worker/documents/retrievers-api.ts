/** The worker's API for tuned encoders of documents. Its code is loaded with the first call. */
import { GraftError } from '../../errors.ts';
import { parametersOf } from '../../model/definition.ts';
import { readPooledEncoder } from '../../model/encoder.ts';
import { contentParts, hashOf } from '../../model/content.ts';
import { readEncoder } from '../../model/family.ts';
import { isOnnxEncoder } from '../../model/onnx-encoder.ts';
import { readWindow } from '../../model/pooling.ts';
import { AS_STORED } from '../../model/weight-types.ts';
import { lastNames } from '../../adapters/targets.ts';
import { contrastive } from '../../objectives/contrastive/contrastive.ts';
import { usualSettings } from '../../settings/defaults.ts';
import type { FormSpec } from '../../settings/spec.ts';
import { pageValues } from '../../settings/table.ts';
import { findAdapter } from '../../storage/adapters.ts';
import { changeResult, readResult } from '../../storage/results.ts';
import { loadTokenizer } from '../../text/tokenizer.ts';
import type { FileSet } from '../../weights/bytes.ts';
import type { RetrieverChoice, RetrieverPlan, RetrieversApi } from '../api/retrievers.ts';
import type { Library } from '../library/adapters.ts';
import type { OpenModel } from '../models/model.ts';
import type { Models } from '../models/models.ts';
import { listener, outcome } from '../outcome.ts';
import type { Runs } from '../runs/runs.ts';
import { unknownAdapter, type Session } from '../session.ts';
import { following, unstopped } from '../stopping.ts';
import type { Documents } from './documents-api.ts';
import type { QuestionLibrary } from './questions.ts';
import type { IndexEncoder, KeptRetrievers, RetrieverGround, Retrievers } from './retrievers.ts';

interface Rooms {
  readonly documents: Documents;
  readonly questions: () => Promise<QuestionLibrary>;
  readonly library: Library;
  readonly models: Models;
  readonly session: Session;
  readonly runs: Runs;
  /** Opens an encoder for a run. */
  readonly openEncoder: (name: string) => Promise<OpenModel>;
}

/** The layers that retrievers are tuned on, if the encoder has them. */
const USUAL_TARGETS: readonly string[] = ['query', 'value'];
const BATCH = contrastive.defaults.batch;

/** The calls of the page for tuned encoders. Each catches what it throws and returns it as a failure. */
export function retrieversApi(rooms: Rooms): RetrieversApi {
  const { documents, questions, library, models, session, runs, openEncoder } = rooms;
  let loaded: Promise<Retrievers> | undefined;
  const load = async (): Promise<Retrievers> => {
    const [{ Retrievers: Kept }, index, asked] = await Promise.all([
      import('./retrievers.ts'),
      documents.library(),
      questions(),
    ]);
    return new Kept(
      {
        read: async (projectId) =>
          (await readResult(projectId, 'retrievers'))?.value as KeptRetrievers | undefined,
        change: async (projectId, change) =>
          (await changeResult(projectId, 'retrievers', (before) =>
            change(before as KeptRetrievers | undefined),
          )) as KeptRetrievers | undefined,
      },
      index,
      async (projectId) => (await asked.list(projectId)).filter(({ state }) => state === 'approved'),
      (work) => runs.withDevice(work),
    );
  };
  const retrievers = (): Promise<Retrievers> => (loaded ??= load());

  /** @throws GraftError `documents-encoder` for an encoder of ONNX Runtime */
  async function filesOf({ name }: IndexEncoder): Promise<FileSet> {
    const files = await models.store.open(name);
    if (!(await isOnnxEncoder(files))) return files;
    throw new GraftError(
      'documents-encoder',
      `ONNX Runtime runs ${name}, which trains nothing.`,
      'Choose an encoder of the BERT family with safetensors: Graft’s own engine trains it.',
    );
  }

  async function plan(projectId: string, choice: RetrieverChoice): Promise<RetrieverPlan> {
    const kept = await retrievers();
    const ground = await kept.ground(projectId);
    const files = await filesOf(ground.encoder);
    const held = ground.questions.filter(({ isHeld }) => isHeld).length;
    const counts = { trained: ground.questions.length - held, held, without: ground.without };
    // The first chunks stand for hard negatives: they are as long.
    const some = async (asked: readonly string[], max: number): Promise<number[][]> =>
      asked.map(() => Array.from({ length: Math.min(max, ground.sources.length) }, (_, at) => at));
    let rows;
    try {
      rows = await kept.rows(projectId, ground, choice.negatives, some);
    } catch (error) {
      if (error instanceof GraftError && error.code === 'retriever-questions') return counts;
      throw error;
    }
    const definition = await readPooledEncoder(files);
    const options = optionsOf(choice, rows.length, lastNames(definition.linears), {
      parameters: parametersOf(definition),
      window: await readWindow(files, definition.shape.maxPositions),
    });
    const [{ forecastRuns }, { readSpeeds }, { retrieverData }] = await Promise.all([
      import('../../runs/run-forecast.ts'),
      import('../device/speeds.ts'),
      import('./retriever-data.ts'),
    ]);
    const tokenizer = await loadTokenizer(files);
    const parts = await contentParts(files);
    const content = await hashOf(parts);
    const model = {
      ...({ device: await session.device(), definition, dtype: 'f32', weightChoices: AS_STORED } as const),
      storedAs: () => 'F32' as const,
    };
    const open = { model, content, tokenizer, info: { parameters: parametersOf(definition) } };
    const data = retrieverData(rows, ground.sources, ground.encoder, {
      ...{ tokenizer, content, window: options.maxLength },
    });
    const speeds = await readSpeeds({ model, fingerprint: await hashOf(parts, 'f32') });
    const [time] = await forecastRuns([options], open, data, speeds);
    return { ...counts, options, ...(time && { time }) };
  }

  return {
    planRetriever: (projectId, choice) => outcome(async () => ({ plan: await plan(projectId, choice) })),
    startRetriever: (projectId, choice, onEvent) =>
      outcome(async () => {
        const kept = await retrievers();
        const prepare = async (signal: AbortSignal): ReturnType<Parameters<Runs['startOwn']>[0]> => {
          const ground = await kept.ground(projectId);
          const files = await filesOf(ground.encoder);
          const rows = await kept.rows(projectId, ground, choice.negatives);
          signal.throwIfAborted();
          // What is trained on is known before the first step.
          await kept.keepSides(projectId, ground);
          await documents.release();
          return begin(ground, files, rows);
        };
        const begin = async (
          ground: RetrieverGround,
          files: FileSet,
          rows: Awaited<ReturnType<Retrievers['rows']>>,
        ): ReturnType<typeof prepare> => {
          const open = await openEncoder(ground.encoder.name);
          const { retrieverData } = await import('./retriever-data.ts');
          const window = await readWindow(files, open.info.maxPositions);
          const { parameters, targets } = open.info;
          const options = optionsOf(choice, rows.length, targets, { parameters, window });
          const made = { tokenizer: open.tokenizer, content: open.content, window };
          return { options, open, data: retrieverData(rows, ground.sources, ground.encoder, made) };
        };
        return { run: await runs.startOwn(prepare, projectId, listener(onEvent)) };
      }),
    retrieverRows: (projectId, { negatives }) =>
      outcome(async () => {
        const kept = await retrievers();
        const [{ retrieverLines }, { RETRIEVER_ROWS }] = await Promise.all([
          import('../../retrieval/retriever-rows.ts'),
          import('./retriever-data.ts'),
        ]);
        const ground = await kept.ground(projectId);
        const rows = await runs.withDevice(() => kept.rows(projectId, ground, negatives));
        const { passagePrefix: passage, questionPrefix: question } = ground.encoder;
        return {
          name: RETRIEVER_ROWS,
          lines: retrieverLines(rows, ground.sources, { passage, question }),
        };
      }),
    listRetrieverMeasures: (projectId) =>
      outcome(async () => {
        const kept = await retrievers();
        return { measures: await kept.list(projectId, await kept.ground(projectId)) };
      }),
    measureRetrievers: (projectId, adapters, onProgress, signal = unstopped()) =>
      outcome(async () => {
        const kept = await retrievers();
        const request = following(
          signal,
          () => new GraftError('worker-aborted', 'The measurement was stopped.', 'Measure the rest later.'),
        );
        const ground = await kept.ground(projectId);
        const found = await Promise.all(adapters.map((id) => findAdapter(id)));
        const named = found.map((adapter) => {
          if (!adapter) throw unknownAdapter();
          return { id: adapter.id, name: adapter.name };
        });
        const watch = { onProgress: listener(onProgress), signal: request.signal };
        return { measures: await kept.measure(projectId, ground, named, watch) };
      }),
    importRetriever: (projectId, name, files, onProgress, signal = unstopped()) =>
      outcome(async () => {
        const { encoder } = await (await retrievers()).ground(projectId);
        const definition = await readEncoder(await filesOf(encoder));
        const watch = { onProgress: listener(onProgress), signal };
        const open = { info: { name: encoder.name }, model: { definition } };
        return { adapters: await library.import(name, files, open, async () => projectId, watch) };
      }),
  };
}

/** The settings of a run: what the person chooses, and what suits an encoder. @param targets names of its layers */
function optionsOf(
  { name, epochs, negatives: _, rank, lr }: RetrieverChoice,
  rows: number,
  targets: readonly string[],
  { parameters, window }: { readonly parameters: number; readonly window: number },
): FormSpec {
  const batch = Math.min(BATCH, rows);
  const chosen = {
    ...{ objective: contrastive.name, rank, alpha: 2 * rank, lr, batch },
    steps: Math.max(1, Math.ceil((epochs * rows) / batch)),
  };
  const usual = usualSettings(chosen, { parameters, rows, validation: 0 });
  const own = targets.filter((target) => USUAL_TARGETS.includes(target));
  return {
    ...pageValues({ ...usual, ...chosen }),
    ...{ name: name.trim() || 'Retriever', maxLength: window, targets: own.length > 0 ? own : targets },
    ...{ samplePrompt: '', sampleEvery: 0, evalEvery: 0, patience: 0 },
  };
}
