/** The Web Worker that owns the GPU: one comlink API over the rooms. */
import { expose } from 'comlink';
import { GraftError, messageOf } from '../errors.ts';
import type { GraftWorker, Outcome } from './api.ts';
import { describeGpu } from './gpu.ts';

/** Errors do not survive the way to the page as themselves; their words do. */
async function outcome<T extends object>(work: Promise<T>): Promise<Outcome<T>> {
  try {
    return { ok: true, ...(await work) };
  } catch (error) {
    if (error instanceof GraftError)
      return { ok: false, code: error.code, what: error.what, remedy: error.remedy };
    return {
      ok: false,
      code: 'worker-defect',
      what: messageOf(error),
      remedy: 'This is a defect in Graft; please report it with this text.',
    };
  }
}

const api: GraftWorker = {
  describeGpu: () =>
    outcome(describeGpu(navigator.gpu as GPU | undefined, isSecureContext).then((gpu) => ({ gpu }))),
};

expose(api);
