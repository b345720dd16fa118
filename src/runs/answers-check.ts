/** The check of a run's answers before its first step: whether the model can write them at all. */
import { learnerOf } from '../adapters/learners.ts';
import {
  findUnwritable,
  learntTokens,
  tokensToCompare,
  type AnswerRow,
  type Unwritable,
} from '../data/unwritable.ts';
import { GraftError } from '../errors.ts';
import type { ModelDefinition } from '../model/definition.ts';
import { readOutputRows, twinRows, type OutputRows } from '../model/output-rows.ts';
import { trainedPart, type TrainedPart } from '../model/trained-part.ts';
import type { SavedModules } from '../adapters/lora/settings.ts';
import { hasAdded, type NewTokens } from '../text/added-tokens.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { FileSet } from '../weights/bytes.ts';

/** What of a run decides whether its head learns. */
export interface HeadSettings extends TrainedPart {
  readonly method: string;
  readonly modulesToSave?: SavedModules;
}

/** Whether the rows that score tokens are trained: then tokens that look alike become different. */
export function trainsHead(
  definition: ModelDefinition,
  { method, modulesToSave = 'none', ...part }: HeadSettings,
): boolean {
  if (!learnerOf({ method }).trainsModel) return modulesToSave === 'lm_head' || modulesToSave === 'both';
  const head = definition.weights.find(({ name }) => name === definition.shape.head);
  return head !== undefined && trainedPart(definition, part)(head);
}

export interface Answers {
  readonly files: FileSet;
  readonly definition: ModelDefinition;
  /** With the new tokens of the run. */
  readonly tokenizer: Tokenizer;
  readonly added?: NewTokens | undefined;
  readonly rows: readonly AnswerRow[];
  readonly trainsHead: boolean;
}

/**
 * @returns what of the answers the model cannot write; undefined if it can write all of them. Without weights in the folder only the tokenizer is
 * looked at
 * @throws GraftError as `openWeights`
 */
export async function checkAnswers(answers: Answers): Promise<Unwritable | undefined> {
  const { tokenizer, rows } = answers;
  return findUnwritable(rows, tokenizer, answers.trainsHead ? new Set() : await twinsOf(answers));
}

async function twinsOf({ files, definition, tokenizer, added, rows }: Answers): Promise<Set<number>> {
  const isBase = (id: number): boolean => !hasAdded(added, [id]);
  const learnt = new Set([...learntTokens(rows, tokenizer)].filter(isBase));
  const outputs = await rowsIfThere(files, definition, tokensToCompare(tokenizer, learnt).filter(isBase));
  return outputs ? twinRows(outputs, learnt) : new Set();
}

async function rowsIfThere(
  files: FileSet,
  definition: ModelDefinition,
  ids: readonly number[],
): Promise<OutputRows | undefined> {
  try {
    return await readOutputRows(files, definition, ids);
  } catch (error) {
    if (error instanceof GraftError && (error.code === 'weights-missing' || error.code === 'dtype-not-float'))
      return undefined;
    throw error;
  }
}
