/** What the curve of a run says, in words: a name for it, a sentence on what shows it, and one on what to try. */
import { percent, threeDigits as loss } from '../numbers.ts';
import { MIN_STEPS, MIN_UNVALIDATED, type Reading, type ReadingKind } from '../train/reading.ts';
import { collapse, type Forgetting } from './forgetting.ts';
import { isAlarm } from './reading-brief.ts';

export interface ReadingWords {
  /** That of the reading; `lost` if what was forgotten decides. */
  readonly kind: ReadingKind;
  /** For a list: a few words. */
  readonly name: string;
  readonly how: string;
  /** What to try; empty if nothing is wrong. */
  readonly advice: string;
  /** Something went wrong: a person should see it at a glance. */
  readonly bad: boolean;
}

/**
 * @param going whether it trains, or can be resumed
 * @param start what the untrained run was: the base model, or an adapter that it continues
 * @param forgetting what it forgot, if that was measured: a curve over the rows does not show it
 */
export function describeReading(
  reading: Reading,
  going: boolean,
  start: 'base' | 'adapter' = 'base',
  forgetting?: Forgetting,
): ReadingWords {
  const words = wordsOf(reading, going, start);
  const lost = forgetting && collapse(forgetting);
  if (!lost || isAlarm(reading)) return { ...words, kind: reading.kind, bad: isAlarm(reading) };
  return {
    kind: 'lost',
    name: 'lost what it knew',
    how: `${words.how} But ${lost}: what it was not trained on, it has lost.`,
    advice: 'Try a third of the learning rate, a lower alpha or learning rate ratio, or fewer steps.',
    bad: true,
  };
}

function wordsOf(
  reading: Reading,
  going: boolean,
  start: 'base' | 'adapter',
): Omit<ReadingWords, 'bad' | 'kind'> {
  const { kind, step, of, training } = reading;
  const validated = of === 'validation';
  const [begun, withBegun] =
    start === 'base'
      ? ['the base', 'with the base model']
      : ['its start', 'with the adapter that it continues'];
  const [before, after] = [number(reading.before), number(reading.after)];
  const best = { step: reading.best?.step ?? step, loss: number(reading.best?.loss) };
  const unvalidated = validated ? '' : ' Keep some rows for validation to see whether it overfits.';
  switch (kind) {
    case 'not-finite':
      return {
        name: 'broke off',
        how: `After step ${step} the loss or its gradient was no longer a finite number.`,
        advice: 'Try a tenth of the learning rate, more warm-up, or gradient clipping.',
      };
    case 'too-short': {
      const wouldDo = !validated && step >= MIN_STEPS;
      return {
        name: 'too short to tell',
        how: `${step === 1 ? 'One step says' : `${step} steps say`} too little about the trend of the loss${wouldDo ? ', as no rows are kept for validation' : ''}.`,
        advice: going
          ? ''
          : wouldDo
            ? `Train for at least ${MIN_UNVALIDATED} steps, or keep some rows for validation, before you judge these settings.`
            : 'Train for more steps before you judge these settings.',
      };
    }
    case 'worse': {
      const rising = !training || training.to >= training.from;
      return {
        name: validated ? `worse than ${begun}` : 'got worse',
        how: validated
          ? `Validation started at ${before} ${withBegun} and was never clearly below it: ${best.loss} at its best, ${after} at step ${step}.${going ? '' : keptOf(reading)}`
          : `The training loss, smoothed, rose from ${before} in the first steps to ${after} at step ${step}.`,
        advice: rising
          ? 'The learning rate is too high, or the rows contradict each other: try a tenth of the learning rate.'
          : 'The training loss fell meanwhile, so it learns its rows and nothing else. Bring more rows, or rows more like those of validation, and lower the learning rate or the rank.',
      };
    }
    case 'diverging':
      return {
        name: `diverging since step ${best.step}`,
        how: validated
          ? `Validation was best at step ${best.step} (${best.loss}) and is now ${after}; the training loss also rose, from ${number(training?.from)} to ${number(training?.to)}.`
          : `The training loss, smoothed, had come down from ${before} to ${best.loss} at step ${best.step} and is back at ${after}.`,
        advice: `Lower the learning rate, to a third for a start, or warm up for longer.${validated && !going ? keptOf(reading) : ''}`,
      };
    case 'lost': {
      const now = `${after} at step ${step}${validated ? ' on validation rows' : ''}`;
      const { peak, low, unigramLoss } = reading;
      const rose =
        peak && low
          ? `The training loss rose from ${number(low.loss)} at step ${low.step} to ${number(peak.loss)} at step ${peak.step}`
          : '';
      const empty = `${now}. ${ofTokens(unigramLoss)}`;
      return {
        name: 'lost what it knew',
        how:
          unigramLoss === undefined
            ? `${rose} and did not come back${going ? ' yet' : ''}: the loss is ${now}.`
            : rose
              ? `${rose}, and the loss is ${empty}`
              : `The loss is ${empty}`,
        advice:
          'Steps this large undo what the base model knew: expect empty or senseless answers. Try a tenth of the learning rate, or more warm-up.',
      };
    }
    case 'little':
      return {
        name: 'learned little',
        how: `The ${validated ? 'validation' : 'smoothed training'} loss came from ${before} to ${after}${restOf(reading)} ${ofTokens(reading.unigramLoss)} Expect hardly a right answer yet.`,
        advice: `The curve does not show why: try more steps, three times the learning rate and then a third of it, and more weights to learn (a higher rank, another method).${unvalidated}`,
      };
    case 'overfitting':
      return {
        name: `overfitting since step ${best.step}`,
        how: `Validation was best at step ${best.step} (${best.loss}) and rose to ${after}, while the training loss went from ${number(training?.from)} to ${number(training?.to)}: the model memorises its rows.`,
        advice: `Stop near step ${best.step} (Patience does), bring more rows, or lower the rank or the learning rate.${going ? '' : keptOf(reading)}`,
      };
    case 'over-optimised':
      return {
        name: 'over-optimised',
        how: `Every training pair is in the right order, and the margin still grew from ${number(reading.margin?.from)} to ${number(reading.margin?.to)} in the last quarter of the steps: the model memorises the pairs.`,
        advice: `Try fewer steps, a lower learning rate or a higher beta. Read some answers before you keep it.${unvalidated}`,
      };
    case 'chosen-falls':
      return {
        name: 'chosen answers fall',
        how: `The chosen answers are less likely now than under the reference: their reward started at 0 and is ${number(reading.chosen?.to)}${reading.chosen ? `, after ${number(reading.chosen.from)} a quarter of the steps ago` : ''}. The margin comes from rejected answers that fall further. A run like this can lose how to answer at all: read some answers before you keep it.`,
        advice: `Lower the learning rate, to a third for a start, raise beta, or set a weight from 0.1 to 1 for the loss on the chosen answers. ORPO learns them at the same time.${unvalidated}`,
      };
    case 'unordered':
      return {
        name: 'low preference accuracy',
        how: `The loss came from ${before} to ${after}, but the chosen answer is ahead in only ${percent(reading.order?.share ?? 0)} of the ${reading.order?.of === 'validation' ? 'validation' : 'training'} pairs: the model still prefers the rejected answers.`,
        advice: `Train for more steps, or try three times the learning rate.${unvalidated}`,
      };
    case 'unsteady': {
      const peak = `${number(reading.peak?.loss)} at step ${reading.peak?.step ?? step}`;
      return {
        name: 'unsteady at the start',
        how: validated
          ? `Validation first rose from ${before} ${withBegun} to ${peak}, and then came down to ${best.loss}.`
          : `The training loss, smoothed, first rose from ${before} to ${peak}, and then came down to ${after}.`,
        advice:
          'A start like this costs what the base model knew: try a third of the learning rate, or more warm-up.',
      };
    }
    case 'flat':
      return {
        name: 'hardly moved',
        how: validated
          ? `Validation was ${before} before the first step and ${best.loss} at its best: less than two hundredths lower.`
          : `The training loss, smoothed, went from ${before} to ${after}, which is no more than batches differ by chance.`,
        advice: `Try three to ten times the learning rate; if that changes nothing, check that the answers in the rows are what you want.${unvalidated}`,
      };
    case 'noisy':
      return {
        name: 'too noisy to tell',
        how: `The training loss, smoothed, went from ${before} to ${after}, and batches differ so much that this may be chance.`,
        advice: `Train for more steps, or with more rows per step, before you judge these settings.${unvalidated}`,
      };
    case 'reward-worse':
      return {
        name: 'reward fell',
        how: `The mean reward went from ${before} to ${after}.${going ? '' : keptOf(reading)}`,
        advice: 'Try a third of the learning rate, or more generations per prompt.',
      };
    case 'reward-fell':
      return {
        name: `reward falling since step ${best.step}`,
        how: `The mean reward had risen from ${before} to ${best.loss} at step ${best.step}, and is now ${after}.`,
        advice: `Lower the learning rate, or give beta a weight above 0, which holds the model near the reference.${validated && !going ? keptOf(reading) : ''}`,
      };
    case 'reward-alike':
      return {
        name: 'groups alike',
        how: `The mean reward hardly moved from ${before}${reading.fullMarks === undefined ? '' : `, of ${number(reading.fullMarks)} at most`}, and in ${reading.alike === undefined ? 'most' : percent(reading.alike)} of the last groups every answer got the same reward, so there was nothing to compare.`,
        advice:
          'Take prompts that it sometimes gets right: easier ones if it gets none, harder ones if it gets all. A reward with steps between wrong and right, more generations per prompt, or tuning on a few solved rows first also helps.',
      };
    case 'reward-full':
      return {
        name: 'highest reward from the start',
        how: `The mean reward was ${before} at first, of ${number(reading.fullMarks)} at most: the answers had the highest reward before the run, so there was nothing to learn.`,
        advice: 'Take harder prompts, or a reward that asks for more.',
      };
    case 'reward-flat':
      return {
        name: 'reward hardly moved',
        how: `The mean reward was ${before} at first and ${best.loss} at its best.`,
        advice:
          'Try a higher learning rate or more steps. Read a group: does the reward separate good answers from bad ones?',
      };
    case 'reward-rising':
      return {
        name: 'reward still rising',
        how: `The mean reward rose from ${before} to ${after}, and was still rising in the last quarter of the steps.`,
        advice: going
          ? ''
          : 'More steps would bring more. Read some answers first: a high reward can have unwanted causes.',
      };
    case 'reward-rose':
      return {
        name: 'reward rose',
        how: `The mean reward rose from ${before} to ${after}.`,
        advice: going ? '' : 'Read some answers before you keep it: a high reward can have unwanted causes.',
      };
    case 'falling': {
      const { late, half, unigramLoss } = reading;
      if (isOrdered(reading))
        return {
          name: going ? 'learning' : 'learned',
          how: `${orderInWords(reading).trim()} So their order is as good as learned. The ${validated ? 'validation' : 'smoothed training'} loss came from ${before} to ${after}, and what it still falls by only widens the margin.`,
          advice: going ? '' : `More steps would bring no more: read some answers first.${unvalidated}`,
        };
      const it = validated ? 'the smoothed training loss' : 'it';
      const ended = going ? '.' : ': it ended before it settled.';
      return {
        name: 'still falling',
        how: `The ${validated ? 'validation' : 'smoothed training'} loss came from ${before} to ${after}, and ${
          late
            ? `the last quarter of the learning, counted by the learning rates of its steps, still took ${it} from ${number(late.from)} to ${number(late.to)}${ended}`
            : half
              ? `the second half of the steps still took ${it} from ${number(half.from)} to ${number(half.to)}${ended}`
              : 'the last quarter of the steps still took off more than a twentieth.'
        }${unigramLoss === undefined ? '' : ` ${ofTokens(unigramLoss)} Expect hardly a right answer yet.`}${orderInWords(reading)}`,
        advice: going ? '' : `${moreOf(reading)}${unvalidated}`,
      };
    }
    case 'fine':
      return {
        name: going ? 'learning' : 'learned',
        how: `${
          validated
            ? `Validation fell from ${before} ${withBegun} to ${best.loss} at step ${best.step}`
            : `The training loss, smoothed, fell from ${before} to ${after}`
        }${going ? '.' : restOf(reading)}${orderInWords(reading)}`,
        advice: going ? '' : unvalidated.trim(),
      };
  }
}

/** The state that is kept, for the end of a sentence. Readings of earlier versions do not know it, and kept the best one after the start. */
function keptOf({ kept, best }: Reading): string {
  if (kept === 0) return ' The state before the first step is kept.';
  const step = kept ?? best?.step;
  return step === undefined || step === 0 ? '' : ` The state of step ${step} is kept.`;
}

/** A loss that came down by less than this part of its start has hardly begun to fall. */
const BEGUN = 0.2;
const isSlow = ({ before = NaN, after = NaN }: Reading): boolean => before - after < BEGUN * before;
/** From this share of pairs on their order is as good as learned. */
const ORDERED = 0.9;

/** Whether the pairs are in order, so that a loss that falls on says nothing against the run. */
const isOrdered = (reading: Reading): boolean => (reading.order?.share ?? 0) >= ORDERED && !isSlow(reading);

/** What to try if a run has not settled. */
function moreOf(reading: Reading): string {
  const { late } = reading;
  if (!late?.steady) return 'More steps would help: try twice as many.';
  return `It learned as fast at its end as at first, so the learning rate may be too low: try ${isSlow(reading) ? 'three to ten' : 'two or three'} times as much, or more steps.`;
}

/** Whether a run has settled, after what its loss did. */
const restOf = ({ unsure }: Reading): string =>
  unsure ? '. Its steps are too noisy to show whether it has settled.' : ', and has settled.';

const ofTokens = (unigramLoss: number | undefined): string =>
  `A model that only knows how often each token occurs in the answers has ${number(unigramLoss)}.`;

/** How many pairs are in order, after a sentence. */
function orderInWords({ order }: Reading): string {
  return order
    ? ` The chosen answer is ahead in ${percent(order.share)} of the ${order.of === 'validation' ? 'validation' : 'training'} pairs.`
    : '';
}

const number = (value: number | undefined): string => (value === undefined ? '–' : loss(value));
