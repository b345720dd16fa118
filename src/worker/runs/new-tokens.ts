/** The open model and the open rows with new tokens: those that a run adds, or an adapter has. */
import { addedTokens } from '../../adapters/tokens/tokens.ts';
import type { AdapterModule } from '../../adapters/kind.ts';
import { canBeTokenizedAgain, tokenizeAgain } from '../../data/tokenize-again.ts';
import { GraftError } from '../../errors.ts';
import { tokenizerWithTokens } from '../../export/grown-folder.ts';
import { tokensOfRun, vocabularyWith, withTokens } from '../../runs/new-tokens.ts';
import { newTokens, type NewTokens } from '../../text/added-tokens.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import { IGNORED } from '../../text/trainable.ts';
import type { PreparedRow } from '../../data/prepare.ts';
import type { RowSet } from '../../data/row-set.ts';
import type { StoredRows } from '../../storage/records.ts';
import { modelFolder } from '../../weights/folder.ts';
import type { FormSpec } from '../api.ts';
import type { DataSet } from '../data/data.ts';
import type { OpenModel } from '../models/model.ts';

/** By their source and the tokens, so that nothing is made twice. */
const grownModels = new WeakMap<OpenModel, Map<string, Promise<OpenModel>>>();
const grownRows = new WeakMap<DataSet['entries'], Map<string, Promise<DataSet>>>();

function once<Key extends object, Made>(
  known: WeakMap<Key, Map<string, Promise<Made>>>,
  key: Key,
  added: NewTokens,
  make: () => Promise<Made>,
): Promise<Made> {
  const of = known.get(key) ?? new Map<string, Promise<Made>>();
  known.set(key, of);
  const name = JSON.stringify(added);
  const made = of.get(name) ?? make();
  of.set(name, made);
  made.catch(() => of.delete(name));
  return made;
}

/** The open model whose tokenizer has these tokens as well; the weights are the same. */
export function modelWith(open: OpenModel, added: NewTokens | undefined): Promise<OpenModel> {
  if (!added) return Promise.resolve(open);
  const base = open.base ?? open;
  return once(grownModels, base, added, async () => ({
    ...base,
    base,
    tokenizer: await tokenizerWithTokens(added, await modelFolder(base.source.files)),
    info: { ...base.info, vocabulary: vocabularyWith(base.info.vocabulary, added) },
  }));
}

/** The same for an adapter. */
export function modelOfAdapter(
  open: OpenModel,
  adapter: { readonly modules: readonly AdapterModule[] } | undefined,
): Promise<OpenModel> {
  return modelWith(open, adapter && addedTokens(adapter.modules));
}

/** Yields to other work of the worker. */
const pause = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, 0));

/** The open rows as a model with new tokens reads them. */
export async function rowsWithNewTokens(
  data: DataSet,
  { tokenizer, info }: OpenModel,
  added: NewTokens,
): Promise<DataSet> {
  const { entries, places, questions, repeated, leaked } = await once(grownRows, data.entries, added, () =>
    tokenizeAgain(data, tokenizer, info.vocabulary, pause),
  );
  return { ...data, entries, places, questions, repeated, leaked };
}

/** The same without a cache. */
export function tokenizeRowsAgain<Rows extends RowSet>(
  data: Rows,
  { tokenizer, info }: OpenModel,
): Promise<Rows> {
  return tokenizeAgain(data, tokenizer, info.vocabulary, pause);
}

/** The inputs of a run. */
interface ForRun<Rows extends DataSet | undefined> {
  readonly options: FormSpec;
  readonly open: OpenModel;
  readonly data: Rows;
}

/**
 * The settings, the model and the rows of a run that adds tokens or starts from an adapter that has some; unchanged for every other run.
 *
 * @throws GraftError `add-tokens` for a text that cannot be a token, or rows that cannot be made again
 */
export async function withNewTokens<Rows extends DataSet | undefined>(
  given: ForRun<Rows>,
  start?: { readonly modules: readonly AdapterModule[] },
): Promise<ForRun<Rows>> {
  const { options, open, data } = given;
  const added = tokensOfRun(options, open.tokenizer, start);
  if (!added) return given;
  const grown = await modelWith(open, added);
  if (data && !canBeTokenizedAgain(data))
    throw new GraftError(
      'add-tokens',
      `The rows of ${data.name} came back with a run, and cannot be made again with new tokens.`,
      'Open its file again.',
    );
  return {
    options: withTokens(options, added),
    open: grown,
    data: (data && (await rowsWithNewTokens(data, grown, added))) as Rows,
  };
}

/** The open rows as the next run reads them. */
interface Reading {
  readonly data: DataSet;
  readonly tokenizer: Tokenizer;
  readonly info: { readonly vocabulary: number };
  /** The tokens that it adds. */
  readonly added?: readonly string[];
}

/**
 * The rows and the tokenizer of the next run; those of the base if its tokens cannot be added. Texts become other rows, once; all other rows are
 * made again where they are shown.
 */
export async function readingWith(
  open: OpenModel,
  data: DataSet,
  texts: readonly string[],
): Promise<Reading> {
  const { tokenizer, info } = open;
  if (texts.length === 0 || !canBeTokenizedAgain(data)) return { data, tokenizer, info };
  try {
    const added = newTokens(texts, tokenizer);
    const grown = await modelWith(open, added);
    const isText = data.files?.some((file) => file?.documents) === true;
    const rows = isText ? await rowsWithNewTokens(data, grown, added) : data;
    return { data: rows, tokenizer: grown.tokenizer, info: grown.info, added: texts };
  } catch (error) {
    // The run itself says what is wrong with them.
    if (error instanceof GraftError && error.code === 'add-tokens') return { data, tokenizer, info };
    throw error;
  }
}

/** Rows of a run for the base: each new token in its original pieces. */
export function rowsOfBase(rows: StoredRows, added: NewTokens | undefined, tokenizer: Tokenizer): StoredRows {
  if (!added) return rows;
  const pieces = added.texts.map((text) => tokenizer.encode(text));
  const piecesOf = (id: number): readonly number[] => pieces[id - added.first] ?? [id];
  const apart = (row: PreparedRow): PreparedRow => {
    const { ids, labels, starts } = row;
    const places = ids.map((id) => piecesOf(id));
    const before = (place: number): number =>
      places.slice(0, place).reduce((sum, { length }) => sum + length, 0);
    return {
      ...row,
      ids: places.flat(),
      labels: places.flatMap((own, at) => (labels[at] === IGNORED ? own.map(() => IGNORED) : own)),
      ...(starts && { starts: starts.map(before) }),
    };
  };
  const { train, validation, test } = rows;
  return { ...rows, train: train.map(apart), validation: validation.map(apart), test: test.map(apart) };
}
