/** Forgetting of a run of the page: the bundled general text and prompts, measured before a run and with its result. Loaded on demand. */
import { fetchFile } from '../../answers.ts';
import type { Adapter } from '../../adapters/adapter.ts';
import type { PreparedRow } from '../../data/prepare.ts';
import type { LossReport } from '../../evaluate/record.ts';
import type { AskedModel } from '../../evaluate/forgetting-check.ts';
import type { Forgetting } from '../../evaluate/forgetting.ts';
import { generalRows, generalTextOf } from '../../evaluate/general.ts';
import { promptsFileOf, readPrompts, type GeneralPrompt } from '../../evaluate/general-prompts.ts';
import { GraftError, messageOf } from '../../errors.ts';
import { decodeUtf8, isObject, parseJson } from '../../json.ts';
import { isHeld, spread, type List } from '../../lists.ts';
import type { LabelledTokens } from '../../model/batch.ts';
import type { LanguageModel } from '../../model/language-model.ts';
import {
  generalTextLoss as lossOf,
  forgettingAfter as after,
  forgettingBefore as before,
  type Before,
  type GeneralCheck,
} from '../../runs/forgetting.ts';
import { APP } from '../app-address.ts';
import type { OpenModel } from '../models/model.ts';

/** @throws GraftError `worker-fetch` */
async function textOf(name: string): Promise<string> {
  try {
    return decodeUtf8(await fetchFile(new URL(`texts/${name}`, APP)), name);
  } catch (cause) {
    throw new GraftError(
      'worker-fetch',
      `The general text ${name} could not be fetched: ${messageOf(cause)}.`,
      'Load the page again, or train without measuring what is forgotten.',
      { cause },
    );
  }
}

async function textRows({ info, tokenizer }: OpenModel): Promise<PreparedRow[]> {
  return generalRows(await textOf(generalTextOf(info)), tokenizer, info.maxPositions);
}

async function generalPrompts({ info }: OpenModel): Promise<readonly GeneralPrompt[]> {
  const name = promptsFileOf(info);
  const json = parseJson(await textOf(name), name);
  return readPrompts(isObject(json) ? json : undefined);
}

/** Rows of a large file of which the base may answer prompts: it answers fewer. */
const MOST_ROWS = 2048;

/** The rows of which the base may answer prompts. */
export const askedAbout = <Row>(rows: List<Row>): readonly Row[] =>
  isHeld(rows) ? rows : spread(rows, MOST_ROWS);

/** The bundled check for the open model. @throws GraftError `worker-fetch` */
async function checkOf(open: OpenModel, own: readonly LabelledTokens[]): Promise<GeneralCheck> {
  return { text: await textRows(open), prompts: await generalPrompts(open), own };
}

/**
 * @param model the open one, or the copy of it that is trained
 * @throws GraftError `worker-fetch`, `engine-…`
 */
export async function generalLoss(
  open: OpenModel,
  model: LanguageModel,
  adapter: Adapter | undefined,
  onDone?: AskedModel['onDone'],
): Promise<LossReport> {
  return lossOf({ text: await textRows(open) }, { model, adapter, onDone });
}

/** The trained adapter or model, or the one that the run starts from. */
type Tuned = Pick<AskedModel, 'model' | 'adapter' | 'onDone'>;

/** @param starts whether the run starts from an adapter: otherwise the model before the run is the base itself */
export async function measureBefore(
  open: OpenModel,
  tuned: Tuned,
  own: readonly LabelledTokens[],
  starts: boolean,
): Promise<Forgetting> {
  const check = await checkOf(open, own);
  const { forgetting } = await before(
    check,
    { ...tuned, tokenizer: open.tokenizer },
    starts ? open : undefined,
  );
  return forgetting;
}

/** The base's measurement, with which everything tuned is compared. */
export type BaseKnows = Before;

/** @param own rows whose prompts the base answers @throws GraftError `worker-fetch`, and what `onDone` throws */
export async function measureBase(
  open: OpenModel,
  own: readonly LabelledTokens[],
  onDone: AskedModel['onDone'],
): Promise<BaseKnows> {
  const base = { model: open.model, tokenizer: open.tokenizer, onDone };
  return before(await checkOf(open, own), base, base);
}

/** @param known the measurement before the run, with answers of the base to prompts of the rows if they exist already */
export async function measureAfter(
  open: OpenModel,
  tuned: Tuned,
  own: readonly LabelledTokens[],
  known: Before,
): Promise<Forgetting> {
  return after(await checkOf(open, own), { ...tuned, tokenizer: open.tokenizer }, known, open);
}
