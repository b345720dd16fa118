/** The one fact of each stage, from what is open, running and kept. */
import { keptLoss } from '../../evaluate/reading-brief.ts';
import { baseOf, comparedOf, sideOf, type Side } from '../../evaluate/sides.ts';
import type { Evaluation } from '../../worker/api.ts';
import { mean } from '../../averages.ts';
import { count, threeDigits, plural } from '../../numbers.ts';
import { shownName } from '../ui/model-names.ts';
import { whyOld } from '../evaluate/origin.ts';
import type { StageId } from './route.svelte.ts';
import type { Studio } from './studio.svelte.ts';

export interface Stage {
  readonly id: StageId;
  readonly name: string;
  /** The one fact, or what is missing. */
  readonly fact: string;
  readonly reached: boolean;
  /** From 0 to 1, while it runs. */
  readonly share?: number;
}

/** The stages of a project in their order, each with what it holds. */
export function stagesOf(studio: Studio): Stage[] {
  const stages = [task(studio), data(studio), baseline(studio), train(studio), evaluate(studio), use(studio)];
  // What the project holds is not known yet, so that no stage may say that it is empty.
  return studio.project.unknown
    ? stages.map(({ id, name }) => ({ id, name, fact: 'opening…', reached: false }))
    : stages;
}

function task({ session, task: { title } }: Studio): Stage {
  const model = session.model ? `${shownName(session.model.name)} is open` : '';
  return {
    id: 'task',
    name: 'Task',
    fact: session.opening ? 'opening the model' : title || model || 'not named yet',
    reached: title !== '' || session.model !== undefined,
  };
}

function data({
  data: { summary, rows, reading, failure },
  projects: { current },
  project: { opening },
}: Studio): Stage {
  // Rows of a project that was just opened are read when a stage needs them.
  const kept = current?.data && plural(current.data.rows, 'row');
  let fact = kept ?? 'no rows yet';
  if (opening && kept) fact = `opening ${kept}`;
  else if (reading) fact = 'reading';
  else if (summary) {
    const look =
      summary.problemCount +
      summary.cut.count +
      summary.dropped.count +
      summary.unsupervised.count +
      summary.leakCount;
    fact = `${plural(rows, 'row')}${look > 0 ? `, ${plural(look, 'row')} to look at` : ''}`;
  } else if (failure) fact = 'could not be read';
  return { id: 'data', name: 'Data', fact, reached: summary !== undefined };
}

/** The method without tuning that gets most rows right; the cheapest of equals, and a rule only if it gets any. */
function bestUntuned(record: Evaluation): Side | undefined {
  return record.subjects
    .flatMap(({ adapter, failed, stopped }, at) =>
      (adapter ?? failed ?? stopped) ? [] : [sideOf(record, at)],
    )
    .reduce<Side | undefined>(
      (best, side) => (side.exact.count > (best?.exact.count ?? 0) ? side : best),
      undefined,
    );
}

/** “nearest row 16 of 16”. */
const inShort = ({ subject: { label }, exact: { count: right, total } }: Side): string =>
  `${label.charAt(0).toLowerCase()}${label.slice(1)} ${right} of ${total}`;

function baseline({ baseline: { result, progress }, evaluation, now }: Studio): Stage {
  const base = result && baseOf(result);
  const old = result && whyOld(result, now) !== undefined;
  const best = result && bestUntuned(result);
  const fact = progress
    ? 'measuring'
    : best
      ? `${inShort(best)} right`
      : base
        ? // Rows of text ask for nothing: then the loss is all there is.
          base.exact.total === 0 && base.subject.loss
          ? `loss ${threeDigits(base.subject.loss.loss)}, untuned`
          : 'no method gets a row right'
        : isMeasured(evaluation.own)
          ? 'measured with an adapter'
          : 'not measured yet';
  return {
    id: 'baseline',
    name: 'Baseline',
    fact: old && !progress ? `${fact}, out of date` : fact,
    reached: result ? !old : isMeasured(evaluation.own),
  };
}

/** Whether the measurement of an adapter asked a method without tuning as well. */
const isMeasured = (record: Evaluation | undefined): boolean =>
  record?.subjects.some(({ adapter, failed }) => !adapter && failed === undefined) === true;

function train(studio: Studio): Stage {
  const { run, equipped } = studio;
  const { summary } = studio.data;
  const { last, status, compiling, preparing, phase } = run;
  const of = last ? `step ${count(last.step)} of ${count(last.steps)}` : '';
  let fact =
    !summary || !equipped
      ? 'not started'
      : studio.settings.faults.length > 0
        ? 'a setting cannot be'
        : `ready, ${plural(studio.settings.options.steps, 'step')}`;
  if (run.sweeping) fact = run.crossValidating ? 'cross-validating' : 'a sweep trains';
  else if (preparing && phase?.kind === 'validating')
    fact = `validating, ${count(phase.done)} of ${plural(phase.total, 'row')}`;
  else if (preparing && phase) fact = 'asking the base model';
  else if (compiling) fact = `compiling ${compiling.done} of ${compiling.total}`;
  else if (preparing) fact = 'preparing';
  else if (status === 'running') fact = of || 'starting';
  else if (status === 'paused') fact = of ? `paused, ${of}` : 'paused before its first step';
  else if (status === 'failed') fact = 'failed';
  else if (status === 'cancelled') fact = 'discarded';
  else if (last && status) {
    const { reading } = run;
    fact = plural(last.step, 'step');
    const kept = reading && keptLoss(reading);
    if (reading && kept !== undefined)
      fact += `, ${reading.of === 'validation' ? 'validation' : 'loss'} ${threeDigits(kept)}`;
  }
  return {
    id: 'train',
    name: 'Train',
    fact,
    reached: last !== undefined,
    share: last && (status === 'running' || status === 'paused') ? last.step / last.steps : undefined,
  };
}

function evaluate({ evaluation: { result, progress }, run, now }: Studio): Stage {
  const old = result && whyOld(result, now) !== undefined;
  let fact = run.last ? 'not measured yet' : 'after a run';
  if (progress) fact = 'measuring';
  else if (result) {
    const base = baseOf(result);
    const compared = comparedOf(result).map((one) => one.tuned);
    const tuned =
      compared.length === 0
        ? base
        : compared.reduce((best, side) => (side.exact.count > best.exact.count ? side : best));
    const cheap = bestUntuned(result);
    const [before, after] = [base?.subject.loss, tuned?.subject.loss];
    // If another method gets rows right, “none right” matters more than the loss.
    const counts = result.subjects.some((_, at) => sideOf(result, at).exact.count > 0);
    fact =
      base?.rewards && tuned?.rewards
        ? `reward ${mean(base.rewards).toFixed(2)} → ${mean(tuned.rewards).toFixed(2)}`
        : counts && tuned
          ? cheap && cheap.at !== tuned.at && cheap.exact.count >= tuned.exact.count
            ? `${tuned.exact.count} of ${tuned.exact.total}, ${inShort(cheap)}`
            : `${tuned.exact.count} of ${tuned.exact.total} right`
          : before && after
            ? `loss ${threeDigits(before.loss)} → ${threeDigits(after.loss)}`
            : (tuned?.exact.total ?? 0) > 0
              ? 'none right'
              : 'measured';
    if (old) fact += ', out of date';
  }
  return { id: 'evaluate', name: 'Evaluate', fact, reached: result !== undefined && !old };
}

function use({ adapters: { own }, run }: Studio): Stage {
  const fact = own.length > 0 ? `${plural(own.length, 'adapter')} kept` : 'nothing kept yet';
  return { id: 'use', name: 'Use', fact, reached: own.length > 0 || run.points.length > 0 };
}
