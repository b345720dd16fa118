/** Methods on held-out rows of the open data: the base against adapters, and both with examples in their prompts. */
import { placesOf } from '../../data/row-set.ts';
import { GraftError } from '../../errors.ts';
import {
  firstItems,
  someSubjects,
  type Evaluation,
  type Made,
  type Seen,
  type Subject,
} from '../../evaluate/record.ts';
import { sideOf } from '../../evaluate/sides.ts';
import { adapter as adapterMethod } from '../../evaluate/methods/adapter.ts';
import { base as baseMethod } from '../../evaluate/methods/base.ts';
import { adapterFewShot, fewShot } from '../../evaluate/methods/few-shot.ts';
import type { EncoderPort, PassagePort } from '../../evaluate/methods/method.ts';
import { RULE_METHODS } from '../../evaluate/methods/registry.ts';
import { instructed, instructedFewShot } from '../../evaluate/methods/instructed.ts';
import { instructionLabels, usualInstruction } from '../../evaluate/methods/instruction.ts';
import { adapterRetrieval, retrieval } from '../../evaluate/methods/retrieval.ts';
import { AnswersByPrompt, type KnownModel } from '../../evaluate/open-eval-model.ts';
import type { OpenSubject, SubjectPlan } from '../../evaluate/run-evaluation.ts';
import { pairsOf } from '../../evaluate/loss-part.ts';
import { spread } from '../../lists.ts';
import type { LanguageModel } from '../../model/language-model.ts';
import { plural } from '../../numbers.ts';
import type { RewardSpec } from '../../scorers/scorer-spec.ts';
import { answerProblem } from '../../scorers/rewards/specs.ts';
import { rewardsOf } from './answer-rewards.ts';
import type { AdapterChoice, AdapterOrigin, Progress, Prompting, Sample } from '../api.ts';
import type { DataSet } from '../data/data.ts';
import type { OpenModel } from '../models/model.ts';
import { rowsWithNewTokens } from '../runs/new-tokens.ts';
import { originOf } from '../origin.ts';
import type { Session } from '../session.ts';
import {
  evalSessionOf,
  MOST_ANSWERS,
  type By,
  type EvalSession,
  type TunedAnswerer,
  type EvalWatch,
} from './eval-session.ts';
import { recipeOfRun, seenRows, trainedOn, type TrainedOn } from './trained-on.ts';

/** A tuned model in place of the base with an adapter. */
export interface TunedModel {
  readonly model: LanguageModel;
  readonly origin: AdapterOrigin;
  readonly trainedOn: TrainedOn;
}

interface EvaluationRequest extends EvalWatch {
  /** The rows in place of the open ones. */
  readonly data?: DataSet;
  /** Each against the base; none for the base model alone. */
  readonly adapters: readonly (Exclude<AdapterChoice, 'base'> | TunedModel)[];
  readonly sample: Sample;
  /** The encoder of the project, if examples are chosen by it. */
  readonly encoder?: EncoderPort | undefined;
  /** The documents of the sample, if it has some. */
  readonly passages?: PassagePort | undefined;
  /** What the base and what was tuned forgot, if that is measured as well. */
  readonly forgetting?: (tuned: TunedAnswerer | undefined) => OpenSubject['forgetting'];
}

interface FewShotRequest extends EvalWatch {
  readonly shots: number;
  /** Asked after the same examples; `base` for none. */
  readonly adapter: AdapterChoice;
  readonly sample: Sample;
}

/** @param ofBase answers of the base model that are kept for the next measurement */
const stopped = (ofBase = 0): GraftError =>
  new GraftError(
    'worker-aborted',
    'The measurement was stopped before a row was answered.',
    ofBase > 0
      ? `The base model answered ${plural(ofBase, 'row')}: they are kept until other rows or another model are opened, and are not asked again.`
      : 'Start it again when you like.',
  );

/**
 * Stopped, it gives the rows that the base and the first adapter answered, and the adapters that have answered as many.
 *
 * @throws GraftError `worker-no-model`, `worker-no-data`, `worker-no-held-out`, `worker-no-adapter`, `worker-aborted` if nothing was measured
 */
export async function evaluate(
  session: Session,
  { adapters, sample, passages, encoder, forgetting, onProgress, signal, data: rowsAsked }: EvaluationRequest,
): Promise<Evaluation> {
  const { open, data } = await opened(session, rowsAsked);
  if (placesOf(data, 'test').length === 0) {
    throw new GraftError(
      'worker-no-held-out',
      `${data.name} has no held-out rows.`,
      'Split a test part off, or give a file of its own.',
    );
  }
  let turn = 1;
  const report = (progress: Progress): void =>
    onProgress(adapters.length > 1 ? { ...progress, turn: { at: turn, of: adapters.length } } : progress);
  const subjects: Tuned[] = [];
  for (const one of adapters) subjects.push(await tunedOf(session, open, data, one));
  const { rewards: chosen } = sample;
  let specs = chosen;
  for (const { training } of subjects) specs ??= await rewardsOf(training);
  const { lossOf = 'asked', rows, scorers, prompting, only, choices } = sample;
  const sitting = evalSessionOf(
    open,
    data,
    {
      ...{ rows, lossOf, rewards: specs, scorers, passages, only, choices },
      ...(prompting && {
        ...{ shots: prompting.shots, examples: prompting.examples, encoder },
        instruction: (answers) => instructionOf(prompting, answers),
      }),
    },
    { onProgress: report, signal },
    { grow },
  );
  if (sitting.isPrompts) checkPrompts(specs);
  const general = sample.answersOnly ? undefined : generalOf(sitting);
  const plans = [
    ...RULE_METHODS.map((rule) => sitting.subject(rule, {}, 'base')),
    sitting.subject(baseMethod, {}, 'base', undefined, {
      known: choices ? promptedOf(data) : data.base,
      ...withParts(general?.(undefined), forgetting?.(undefined)),
    }),
  ];
  for (const [at, { by, origin, training, answerer }] of subjects.entries()) {
    const seen = training && (await seenRows(training, data, sitting.drawn.chosen, open, sitting.slices));
    const trained = training && (await recipeOfRun(training));
    const plan = sitting.subject(
      adapterMethod,
      {
        ...{ label: origin.name, adapter: origin },
        ...(seen !== undefined && { seen }),
        ...(trained && { trained }),
      },
      by,
      answerer,
    );
    plans.push({
      ...plan,
      async open() {
        turn = at + 1;
        const tuned = await answerer();
        return { ...(await plan.open()), ...withParts(general?.(tuned), forgetting?.(tuned)) };
      },
    });
  }
  if (prompting && !sitting.isPrompts && sitting.items.length > 0)
    plans.push(
      ...promptPlans(sitting, data, prompting),
      // Learning from rewards can break the effect of examples.
      ...(specs && !chosen && prompting.shots > 0
        ? subjects.map(({ by, origin, answerer }) => ({
            ...sitting.subject(adapterFewShot, { label: origin.name, adapter: origin }, by, answerer),
            isOptional: isTooFew,
          }))
        : []),
    );
  if (passages && !sitting.isPrompts && sitting.items.length > 0)
    plans.push(
      sitting.subject(retrieval, {}, 'documents'),
      ...subjects.map(({ by, origin, answerer }) =>
        sitting.subject(adapterRetrieval, { label: origin.name, adapter: origin }, by, answerer),
      ),
    );
  const made = await madeOf(session, open, data, chosen);
  const measures = sample.answersOnly && { loss: false, pairs: false };
  const { record, failures } = await sitting.run(made, plans, measures);
  const whole = failures.filter(({ part }) => part === undefined);
  const isNeeded = ({ method }: Subject): boolean =>
    method === baseMethod.name || method === adapterMethod.name;
  const fatal =
    whole.find(({ subject }) => subject.method === baseMethod.name) ??
    (whole.filter(({ subject }) => subject.method === adapterMethod.name).length === adapters.length
      ? whole.find(({ subject }) => isNeeded(subject))
      : undefined);
  if (fatal) throw fatal.error;
  return signal.aborted ? answeredPart(record, adapters.length > 0) : record;
}

/** Whether examples are too few, or do not fit: then a method with examples is left out. */
const isTooFew = (error: unknown): boolean => error instanceof GraftError && error.code === 'evaluate-shots';

/** What is known of the base model by its prompts and choices, which each measurement makes again. */
const promptedOf = ({ base }: DataSet): KnownModel => ({
  answers: (base.prompted ??= new AnswersByPrompt()),
  losses: base.losses,
});

/** The base model after prompts. One that does not fit, or has nothing to say, is left out. */
function promptPlans(sitting: EvalSession, data: DataSet, { shots }: Prompting): SubjectPlan[] {
  const known = promptedOf(data);
  return [...(shots > 0 ? [fewShot] : []), instructed, ...(shots > 0 ? [instructedFewShot] : [])].map(
    (method) => ({ ...sitting.subject(method, {}, 'examples', undefined, { known }), isOptional: isTooFew }),
  );
}

const instructionOf = ({ goal, instruction }: Prompting, answers: readonly string[]): string =>
  instruction ?? usualInstruction(goal, instructionLabels(answers));

/** @returns '' if no row is open, or nothing is known of the task */
export function instructionFor({ data, opened: model }: Session, goal: string): string {
  const train = data && model ? pairsOf(data, 'train', model.tokenizer.chatTemplate !== undefined) : [];
  const answers = spread(train, MOST_ANSWERS).map(({ question }) => question.expected);
  return usualInstruction(goal, instructionLabels(answers));
}

/** The rows that everything needed has answered. @throws GraftError `worker-aborted` if that is none */
function answeredPart(record: Evaluation, hasAdapters: boolean): Evaluation {
  const answered = record.subjects.map((_, at) => sideOf(record, at).answers.length);
  const ofMethod = (name: string): number =>
    answered.at(record.subjects.findIndex(({ method, failed }) => method === name && failed === undefined)) ??
    0;
  const has = (name: string): boolean => record.subjects.some(({ method }) => method === name);
  const base = has(baseMethod.name) ? ofMethod(baseMethod.name) : 0;
  const tuned = !hasAdapters ? base : has(adapterMethod.name) ? ofMethod(adapterMethod.name) : 0;
  const rows = Math.min(base, tuned);
  // Losses are measured last: if there is nothing to answer, they are all there is.
  if (rows === 0) throw stopped(hasAdapters ? base : 0);
  const kept = someSubjects(record, ({ failed }, at) => failed !== undefined || answered[at] >= rows);
  if (rows === record.items.length) return kept;
  const first = firstItems(kept, rows);
  return {
    ...first,
    // The rows that training saw were counted among all planned rows.
    subjects: first.subjects.map(({ seen, ...subject }) =>
      seen === undefined || isAmongAsked(seen) ? subject : { ...subject, seen },
    ),
  };
}

const isAmongAsked = (seen: Seen): boolean => typeof seen === 'object' && seen.asked > 0;

const withParts = (
  general: OpenSubject['general'],
  forgetting: OpenSubject['forgetting'],
): Pick<OpenSubject, 'general' | 'forgetting'> => ({
  ...(general && { general }),
  ...(forgetting && { forgetting }),
});

const grow = (
  data: DataSet,
  own: OpenModel,
  added: Parameters<typeof rowsWithNewTokens>[2],
): Promise<DataSet> => rowsWithNewTokens(data, own, added);

/** @throws GraftError `worker-no-model`, `worker-no-data` */
async function opened(
  session: Session,
  data = session.data,
): Promise<{ readonly open: OpenModel; readonly data: DataSet }> {
  const open = await session.model();
  if (!data) throw new GraftError('worker-no-data', 'No data is open.', 'Open examples first.');
  return { open, data };
}

async function madeOf(
  session: Session,
  open: OpenModel,
  data: DataSet,
  rewards: readonly RewardSpec[] | undefined,
): Promise<Made> {
  const { time, model, data: rows } = await originOf(session, open, 'base', data);
  return {
    ...{ time, graft: import.meta.env.GRAFT_VERSION, model },
    ...(rows && { data: rows }),
    ...(rewards && { rewards }),
  };
}

/** @throws GraftError `worker-no-held-out` if nothing can score the answers to prompts alone */
function checkPrompts(specs: readonly RewardSpec[] | undefined): void {
  if (!specs)
    throw new GraftError(
      'worker-no-held-out',
      'The held-out rows are prompts without answers, which only rewards can score, and nothing here learned from any.',
      'Choose rewards to score them by, measure an adapter that learned from rewards, or open rows with answers.',
    );
  const why = answerProblem(specs);
  if (why !== undefined)
    throw new GraftError('worker-no-held-out', why, 'Choose rewards that need no reference answer.');
}

interface Tuned {
  readonly by: By;
  readonly origin: AdapterOrigin;
  readonly training: TrainedOn | undefined;
  /** Opens it again if another one took its place. */
  readonly answerer: () => Promise<TunedAnswerer | undefined>;
}

/** @throws GraftError `worker-no-adapter` before anything is asked */
async function tunedOf(
  session: Session,
  open: OpenModel,
  data: DataSet,
  of: EvaluationRequest['adapters'][number],
): Promise<Tuned> {
  if (typeof of === 'object' && 'model' in of) {
    const { model, origin, trainedOn: training } = of;
    return { by: 'model', origin, training, answerer: () => Promise.resolve({ model }) };
  }
  const answerer = async (): Promise<TunedAnswerer | undefined> => {
    const adapter = await session.adapter(of, open);
    return adapter && { adapter };
  };
  await answerer();
  const { adapter: origin } = await originOf(session, open, of, data);
  return { by: 'adapter', origin: origin!, training: await trainedOn(session, of), answerer };
}

/** The loss on general text, for rows of text that ask for nothing; undefined for other rows. */
function generalOf({
  open,
  items,
}: EvalSession): ((tuned: TunedAnswerer | undefined) => OpenSubject['general']) | undefined {
  if (items.length > 0) return undefined;
  return (tuned) => async () => {
    const { generalLoss } = await import('./general-text.ts');
    const { model, adapter } = { model: open.model, adapter: undefined, ...tuned };
    return generalLoss(open, model, adapter);
  };
}

/**
 * The same questions as in `evaluate`, so that the two can be compared: to the base model with examples, and to an adapter.
 *
 * @throws GraftError `worker-no-model`, `worker-no-data`, `worker-no-held-out`, `evaluate-shots`, `worker-aborted` if no row was answered
 */
export async function measureFewShot(
  session: Session,
  { shots, sample, adapter, onProgress, signal }: FewShotRequest,
): Promise<Evaluation> {
  const { open, data } = await opened(session);
  const tuned = adapter === 'base' ? undefined : await tunedOf(session, open, data, adapter);
  const { lossOf = 'asked', rows, rewards: chosen, scorers, choices } = sample;
  const rewards = chosen ?? (await rewardsOf(tuned?.training));
  const sitting = evalSessionOf(
    open,
    data,
    { rows, lossOf, shots, rewards, scorers, choices },
    { onProgress, signal },
    { grow },
  );
  if (sitting.isPrompts || sitting.items.length === 0) {
    throw new GraftError(
      'worker-no-held-out',
      `${data.name} has no held-out rows that ask for something.`,
      'Split a test part off, or give a file of its own.',
    );
  }
  const { record, failures } = await sitting.run(await madeOf(session, open, data, chosen), [
    sitting.subject(fewShot, {}, 'examples'),
    ...(tuned
      ? [
          sitting.subject(
            adapterFewShot,
            { label: tuned.origin.name, adapter: tuned.origin },
            tuned.by,
            tuned.answerer,
          ),
        ]
      : []),
  ]);
  const failed = failures.find(({ part }) => part === undefined);
  if (failed) throw failed.error;
  if (!signal.aborted) return record;
  const answered = record.subjects.map((_, at) => sideOf(record, at).answers.length);
  const [ofBase = 0] = answered;
  if (ofBase === 0) throw stopped();
  // Stopped in between, only the base model's answers are to all of the rows.
  return firstItems(
    someSubjects(record, (_, at) => answered[at] === ofBase),
    ofBase,
  );
}
