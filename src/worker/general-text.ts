/** The bundled general text, and its loss: what a model still knows. */
import type { Adapter } from '../adapters/adapter.ts';
import type { PreparedRow } from '../data/prepare.ts';
import { evaluateLoss } from '../evaluate/loss.ts';
import type { LossReport } from '../evaluate/comparison.ts';
import { generalRows, generalTextOf } from '../evaluate/general.ts';
import { GraftError } from '../errors.ts';
import type { LanguageModel } from '../model/language-model.ts';
import type { OpenModel } from './model.ts';

/** Where the app lies, seen from a file of the worker. */
const APP = new URL(import.meta.env.DEV ? '/' : '../', self.location.href).href;

/** @throws GraftError `worker-fetch` */
async function textRows({ info, tokenizer }: OpenModel): Promise<PreparedRow[]> {
  const name = generalTextOf(info);
  const response = await fetch(new URL(`texts/${name}`, APP)).catch(() => undefined);
  if (!response?.ok)
    throw new GraftError(
      'worker-fetch',
      `The general text ${name} could not be fetched.`,
      'Load the page again, or train without measuring what is forgotten.',
    );
  return generalRows(await response.text(), tokenizer, info.maxPositions);
}

/**
 * @param model the open one, or the copy of it that is trained
 * @throws GraftError `worker-fetch`, `engine-…`
 */
export async function generalLoss(
  open: OpenModel,
  model: LanguageModel,
  adapter: Adapter | undefined,
): Promise<LossReport> {
  return evaluateLoss(model, await textRows(open), adapter);
}
