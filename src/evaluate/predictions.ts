/** A file of predictions, from any tool: JSON lines with an answer and the expected one. */
import * as v from 'valibot';
import { linesOf } from '../data/lines.ts';
import { GraftError } from '../errors.ts';
import { parseJson } from '../json.ts';

/** The two texts have Graft's names, or those of other tools. */
const References = v.union([v.string(), v.pipe(v.array(v.string()), v.nonEmpty())]);

const Row = v.pipe(
  v.looseObject({
    output: v.optional(v.string()),
    prediction: v.optional(v.string()),
    expected: v.optional(References),
    reference: v.optional(References),
    prompt: v.optional(v.string()),
    question: v.optional(v.string()),
    input: v.optional(v.string()),
    method: v.optional(v.string()),
    adapter: v.optional(v.string()),
  }),
  v.check((row) => (row.output ?? row.prediction) !== undefined, 'it has neither "prediction" nor "output"'),
  v.check(
    (row) => (row.expected ?? row.reference) !== undefined,
    'it has neither "reference" nor "expected"',
  ),
);

export interface PredictedRow {
  /** The question that was asked, if the file has it. */
  readonly prompt?: string;
  readonly output: string;
  /** Every text that is right: one or more. */
  readonly references: readonly string[];
  /** The other columns, if there are some. */
  readonly row?: Readonly<Record<string, unknown>>;
  /** Its line in the file, from 1. */
  readonly line: number;
}

/** Predictions of one method. */
export interface PredictedGroup {
  /** Missing if the file does not say. */
  readonly method?: string;
  readonly adapter?: string;
  readonly rows: readonly PredictedRow[];
}

/**
 * Groups are in the order of their first lines.
 *
 * @throws GraftError `predictions` naming the line, `predictions-empty`
 */
export function readPredictions(content: Uint8Array, fileName: string): PredictedGroup[] {
  const groups = new Map<string, { method?: string; adapter?: string; rows: PredictedRow[] }>();
  for (const { number, text, problem } of linesOf(content)) {
    if (problem === undefined && text.trim() === '') continue;
    const where = `Line ${number} of ${fileName}`;
    const wrong = (why: string): GraftError =>
      new GraftError(
        'predictions',
        `${where} is not a prediction: ${why}.`,
        'Give one JSON object on each line, with "prediction" and "reference", or "output" and "expected", as texts. Several references are a list of texts.',
      );
    if (problem !== undefined) throw wrong(problem);
    const parsed = v.safeParse(Row, parseJson(text.replace(/^\uFEFF/, ''), where));
    if (!parsed.success) {
      const [issue] = parsed.issues;
      const path = v.getDotPath(issue);
      const [name] = path?.split('.') ?? [];
      if (name === undefined) throw wrong(issue.message);
      const isList = name === 'reference' || name === 'expected';
      throw wrong(`"${name}" is ${isList ? 'neither a text nor a list of texts' : 'no text'}`);
    }
    const { method, adapter, output, prediction, expected, reference, ...others } = parsed.output;
    const asksIn = (['prompt', 'question', 'input'] as const).find((column) => others[column] !== undefined);
    const asked = asksIn && others[asksIn];
    const row = Object.fromEntries(Object.entries(others).filter(([column]) => column !== asksIn));
    const key = JSON.stringify([method, adapter]);
    const group = groups.get(key) ?? {
      ...(method !== undefined && { method }),
      ...(adapter !== undefined && { adapter }),
      rows: [],
    };
    groups.set(key, group);
    const right = (expected ?? reference)!;
    group.rows.push({
      ...(asked !== undefined && { prompt: asked }),
      output: (output ?? prediction)!,
      references: typeof right === 'string' ? [right] : right,
      ...(Object.keys(row).length > 0 && { row }),
      line: number,
    });
  }
  if (groups.size === 0)
    throw new GraftError('predictions-empty', `${fileName} has no predictions.`, 'Choose another file.');
  return [...groups.values()];
}
