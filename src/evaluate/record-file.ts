/** A record of an evaluation as a file: JSON of this format, whoever wrote it. A file from outside is hostile until it was read here. */
import * as v from 'valibot';
import { GraftError } from '../errors.ts';
import { messageOf } from '../errors.ts';
import { parseJson } from '../json.ts';
import { nameOfSpec } from '../scorers/chosen.ts';
import { rewardsProblem } from '../scorers/rewards/specs.ts';
import type { RewardSpec } from '../scorers/scorer-spec.ts';
import { readSpec } from '../scorers/spec.ts';
import { EVALUATION_METHODS } from './methods/registry.ts';
import { TASK_KINDS } from './task-card.ts';
import { FORMAT, RECORD_VERSION, type Evaluation } from './record.ts';

/** The name of the file that `graft evaluate --out` writes, and that the page gives. */
export const EVALUATION_FILE = 'evaluation.json';

/** Bytes of a file: a hundred thousand answers of some paragraphs. */
export const MAX_BYTES = 256 * 2 ** 20;
const MAX_SUBJECTS = 1000;
const LONGEST_NAME = 1000;
/** Longer than any template that is used. */
const MAX_TEMPLATE_CHARS = 256 * 1024;

const number = v.pipe(v.number(), v.finite());
const count = v.pipe(number, v.integer(), v.minValue(0));
const name = v.pipe(v.string(), v.minLength(1), v.maxLength(LONGEST_NAME));
/** JSON writes a number that is not finite as null. */
const notFinite = (value: number) =>
  v.pipe(
    v.nullable(v.number()),
    v.transform((given) => given ?? value),
  );

const ofRows = {
  loss: notFinite(Infinity),
  perplexity: notFinite(Infinity),
  supervisedTokens: count,
  rightTokens: v.optional(count),
  rows: v.optional(count),
};
export const Loss = v.object({ ...ofRows, tasks: v.optional(v.record(v.string(), v.object(ofRows))) });
export const Share = v.object({ count, total: count, interval: v.tuple([number, number]) });
export const Draw = v.object({
  seed: number,
  of: count,
  test: v.optional(count),
  planned: v.optional(count),
  reserved: v.optional(
    v.object({
      examples: v.pipe(v.array(v.object({ row: v.optional(count), line: v.optional(count) })), v.readonly()),
      copies: count,
    }),
  ),
  tooLong: count,
  labels: v.optional(v.object({ drawn: count, of: count, least: count, most: count })),
});
export const Seen = v.union([
  v.object({ asked: count, test: count, of: count }),
  v.picklist(['imported', 'before', 'rows', 'folder']),
]);
/** Rewards as a person wrote them. */
export const RewardList = v.custom<readonly RewardSpec[]>((value) => rewardsProblem(value) === undefined);
/** The settings of a metric as a person wrote them. */
const Spec = v.pipe(
  v.unknown(),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    try {
      return readSpec(dataset.value, 'its settings', 'metric').spec;
    } catch (error) {
      addIssue({ message: messageOf(error) });
      return NEVER;
    }
  }),
);
const Likelihood = v.object({ logp: notFinite(-Infinity), tokens: count });
export const Pair = v.object({ chosen: Likelihood, rejected: Likelihood });
export const Forgetting = v.object({
  before: number,
  after: v.optional(number),
  during: v.optional(v.array(v.object({ step: count, loss: number }))),
  kl: v.optional(v.object({ before: number, after: v.optional(number) })),
  prompts: v.optional(
    v.array(
      v.object({
        prompt: v.string(),
        before: v.string(),
        rightBefore: v.boolean(),
        after: v.optional(v.string()),
        rightAfter: v.optional(v.boolean()),
      }),
    ),
  ),
});
export const FailedPart = v.object({ name, reason: v.string() });
const Adapter = v.union([
  v.object({ name, id: name }),
  v.object({ name, runId: name, step: count }),
  v.object({ name, folder: name }),
]);
const Detail = v.object({
  answer: v.optional(v.string()),
  share: v.optional(number),
  shots: v.optional(v.array(v.object({ prompt: v.string(), answer: v.string() }))),
  nearest: v.optional(count),
  encoder: v.optional(v.string()),
  fitted: v.optional(count),
  instruction: v.optional(v.string()),
  promptTokens: v.optional(count),
  meanPromptTokens: v.optional(number),
  window: v.optional(count),
  passages: v.optional(
    v.object({
      ...{ index: name, search: name, top: count, window: count, searchSeconds: number },
      reranked: v.optional(count),
      rerankedBy: v.optional(name),
    }),
  ),
});
/** A kind of a newer version is left out. */
const Card = v.object({
  goal: v.pipe(v.string(), v.maxLength(LONGEST_NAME)),
  kind: v.optional(v.fallback(v.optional(v.picklist(TASK_KINDS.map((kind) => kind.name))), undefined)),
  metric: v.optional(name),
  target: v.pipe(v.string(), v.maxLength(LONGEST_NAME)),
});
const Subject = v.object({
  method: v.picklist(EVALUATION_METHODS.map((method) => method.name)),
  label: name,
  adapter: v.optional(Adapter),
  kind: v.optional(v.string()),
  objective: v.optional(v.string()),
  took: v.optional(
    v.object({
      parameters: v.optional(count),
      peakBytes: v.optional(count),
      secondsPerStep: v.optional(number),
    }),
  ),
  seen: v.optional(Seen),
  trained: v.optional(v.object({ recipe: name, seed: number })),
  detail: v.optional(Detail),
  loss: v.optional(Loss),
  otherText: v.optional(v.literal(true)),
  general: v.optional(Loss),
  forgetting: v.optional(Forgetting),
  likelihoods: v.optional(v.array(Pair)),
  noLabel: v.optional(count),
  exact: v.optional(Share),
  seconds: v.optional(number),
  answerSeconds: v.optional(number),
  stopped: v.optional(v.literal(true)),
  failed: v.optional(v.string()),
  lacks: v.optional(v.array(FailedPart)),
});
const Evidence = v.object({
  text: v.string(),
  seconds: v.optional(number),
  took: v.optional(number),
  tokens: v.optional(count),
  truncated: v.optional(v.literal(true)),
  promptTokens: v.optional(count),
  passageTokens: v.optional(count),
  passages: v.optional(v.array(v.string())),
  logProbabilities: v.optional(v.array(notFinite(-Infinity))),
  sources: v.optional(
    v.array(v.object({ id: name, file: name, page: v.optional(count), start: count, end: count })),
  ),
  leftOut: v.optional(count),
  recall: v.optional(number),
});
const Blind = v.object({
  subjects: v.tuple([count, count]),
  seed: number,
  turns: v.array(
    v.object({ item: count, swapped: v.boolean(), vote: v.picklist(['first', 'second', 'tie']) }),
  ),
  ended: v.optional(v.literal(true)),
});
const Judged = v.object({
  subjects: v.tuple([count, count]),
  model: v.object({ name, fingerprint: v.optional(name) }),
  prompt: v.pipe(v.string(), v.maxLength(MAX_TEMPLATE_CHARS)),
  turns: v.array(v.object({ item: count, leans: v.tuple([number, number]) })),
  tooLong: v.array(count),
  ended: v.optional(v.literal(true)),
});
const ChosenFrom = v.object({
  from: v.picklist(['labels', 'column']),
  column: v.optional(v.string()),
  texts: v.optional(v.array(v.string())),
  ends: v.boolean(),
});

/** A record, with lists that are as long as they say. */
export const RecordSchema = v.pipe(
  v.object({
    format: v.literal(FORMAT),
    version: v.literal(RECORD_VERSION),
    made: v.object({
      time: number,
      graft: v.optional(v.string()),
      model: v.object({ name, bundled: v.boolean(), fingerprint: v.optional(name) }),
      data: v.optional(
        v.object({
          name,
          version: v.optional(name),
          options: v.optional(v.record(v.string(), v.unknown())),
        }),
      ),
      draw: v.optional(Draw),
      newTokens: v.optional(count),
      groupedBy: v.optional(name),
      folds: v.optional(count),
      choices: v.optional(ChosenFrom),
      rewards: v.optional(RewardList),
      task: v.optional(Card),
      seconds: v.optional(number),
    }),
    items: v.array(
      v.object({
        row: v.optional(count),
        line: v.optional(count),
        prompt: v.string(),
        expected: v.string(),
        task: v.optional(v.string()),
        fold: v.optional(count),
        group: v.optional(v.string()),
        source: v.optional(v.string()),
        choices: v.optional(v.array(v.string())),
      }),
    ),
    subjects: v.pipe(v.array(Subject), v.maxLength(MAX_SUBJECTS)),
    scorers: v.pipe(
      v.array(
        v.object({
          name,
          scorer: v.optional(Spec),
          weight: v.optional(number),
          passMark: v.optional(number),
        }),
      ),
      v.maxLength(MAX_SUBJECTS),
    ),
    scores: v.array(v.array(v.array(v.nullable(number)))),
    evidence: v.array(v.array(v.nullable(Evidence))),
    blind: v.optional(v.pipe(v.array(Blind), v.maxLength(MAX_SUBJECTS))),
    judged: v.optional(v.pipe(v.array(Judged), v.maxLength(MAX_SUBJECTS))),
  }),
  v.check(
    ({ scorers }) =>
      scorers.every(({ name: own, scorer }, at) => {
        const isFirst = scorers.findIndex((one) => one.name === own) === at;
        return !scorer || (isFirst && own === nameOfSpec(scorer));
      }),
    'a metric with settings has not the name that its settings give it',
  ),
  v.check(({ items, scores }) => scores.length === items.length, 'scores has not one list for each item'),
  v.check(
    ({ items, evidence }) => evidence.length === items.length,
    'evidence has not one list for each item',
  ),
  v.check(
    ({ subjects, scores }) => scores.every((row) => row.length === subjects.length),
    'a list of scores has not one for each subject',
  ),
  v.check(
    ({ scorers, scores }) => scores.every((row) => row.every((one) => one.length === scorers.length)),
    'a list of scores has not one for each scorer',
  ),
  v.check(
    ({ subjects, evidence }) => evidence.every((row) => row.length === subjects.length),
    'a list of evidence has not one answer for each subject',
  ),
  v.check(
    ({ subjects, evidence }) =>
      subjects.every((_, at) => {
        const first = evidence.findIndex((row) => row[at] === null);
        return first < 0 || evidence.slice(first).every((row) => row[at] === null);
      }),
    'a subject has an answer after an item that it has not answered',
  ),
  v.check(
    ({ items, subjects, blind = [] }) =>
      blind.every(
        (one) =>
          one.subjects[0] !== one.subjects[1] &&
          one.subjects.every((at) => at < subjects.length) &&
          one.turns.every(({ item }) => item < items.length),
      ),
    'a blind judging names a subject or an item that is not there',
  ),
  v.check(
    ({ items, subjects, judged = [] }) =>
      judged.every(
        (one) =>
          one.subjects[0] !== one.subjects[1] &&
          one.subjects.every((at) => at < subjects.length) &&
          [...one.turns.map(({ item }) => item), ...one.tooLong].every((item) => item < items.length),
      ),
    'a judging by a model names a subject or an item that is not there',
  ),
);

/**
 * @param name of the file, for messages
 * @throws GraftError `evaluation-file` for a file that is no record, `evaluation-newer` for one of a newer Graft, `json` if it is no JSON
 */
export function readEvaluation(content: string, name: string): Evaluation {
  const given = parseJson(content.replace(/^\uFEFF/, ''), name);
  const held = v.safeParse(v.looseObject({ methods: v.array(v.unknown()), evaluation: v.unknown() }), given);
  // report.json holds the record that it was made from.
  const value = held.success ? held.output.evaluation : given;
  const format = v.safeParse(v.looseObject({ format: v.literal(FORMAT), version: v.number() }), value);
  if (!format.success)
    throw new GraftError(
      'evaluation-file',
      `${name} is not an evaluation of Graft: its "format" is not "${FORMAT}".`,
      `Choose the ${EVALUATION_FILE} or report.json that “Export” or graft evaluate --out wrote.`,
    );
  if (format.output.version > RECORD_VERSION)
    throw new GraftError(
      'evaluation-newer',
      `${name} was written by a newer Graft (format ${format.output.version}; this one reads up to ${RECORD_VERSION}).`,
      'Update Graft, then open it.',
    );
  const read = v.safeParse(RecordSchema, value);
  if (read.success) return read.output as Evaluation;
  const [issue] = read.issues;
  const path = v.getDotPath(issue);
  throw new GraftError(
    'evaluation-file',
    `${name} is a damaged evaluation: ${path === null ? issue.message : `${path} is wrong (${issue.message})`}.`,
    'Export it again, or measure again.',
  );
}

/** The content of the file. */
export const evaluationFile = (record: Evaluation): string => `${JSON.stringify(record, null, 1)}\n`;
