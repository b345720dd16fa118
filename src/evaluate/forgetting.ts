/** Forgetting of a run, in numbers and in words. */
import { fixed, threeDigits } from '../numbers.ts';
import { isPutOff } from './general-prompts.ts';

/** How the loss on a general text changed over a run. */
interface LossChange {
  /** Mean cross-entropy for each token, in nats. */
  readonly before: number;
  readonly after: number;
}

/** A general prompt with its answers, and whether they were right by its rule. */
export interface AskedPrompt {
  readonly prompt: string;
  readonly before: string;
  readonly rightBefore: boolean;
  readonly after?: string;
  readonly rightAfter?: boolean;
}

/** The whole measurement of forgetting: before a run, and with its result. */
export interface Forgetting {
  /** The loss on general text, in nats for each token. */
  readonly before: number;
  readonly after?: number;
  /** The loss after some of its steps, if that was asked for. */
  readonly during?: readonly { readonly step: number; readonly loss: number }[];
  /** KL(base ‖ tuned) on prompts of the rows, in nats for each token; missing if rows have no prompts. */
  readonly kl?: { readonly before: number; readonly after?: number };
  readonly prompts?: readonly AskedPrompt[];
}

/** A loss on general text that moved by less than this, in nats, is called the same. */
export const NOTICEABLE = 0.02;

/** Which way the loss on a general text went, if it is more than is called the same. */
function textWent({ before, after }: LossChange): 'up' | 'down' | undefined {
  const change = after - before;
  return Math.abs(change) <= NOTICEABLE ? undefined : change > 0 ? 'up' : 'down';
}

/** The numbers of a loss on general text, in a sentence. */
function textSentence({ before, after }: LossChange): string {
  const [from, to] = [before, after].map((loss) => Math.exp(loss).toPrecision(3));
  const went = { up: 'higher', down: 'lower' } as const;
  const way = textWent({ before, after });
  return `The loss on general text is ${way ? went[way] : 'as it was'}: ${before.toFixed(4)} → ${after.toFixed(4)} (perplexity ${from} → ${to}).`;
}

/** A text whose loss rose by this much, in nats, is lost: each of its tokens has become e times less likely. */
export const LOST_TEXT = 1;
/** General prompts are lost if no more than this part of those that were answered rightly still is; of few prompts that may be chance. */
const LOST_PROMPTS = 1 / 6;
const FEW_PROMPTS = 4;

/** How much of what the model knew is gone, as a sentence goes on; undefined if that is not most of it, or is not known. */
export function collapse(forgetting: Pick<Forgetting, 'before' | 'after' | 'prompts'>): string | undefined {
  const { before, after } = forgetting;
  if (after === undefined) return undefined;
  const counts = countPrompts(forgetting);
  const asks =
    counts && counts.rightBefore >= FEW_PROMPTS && counts.rightAfter <= LOST_PROMPTS * counts.rightBefore;
  if (!asks && !(after - before > LOST_TEXT)) return undefined;
  const [from, to] = [before, after].map((loss) => threeDigits(Math.exp(loss)));
  const prompts = counts
    ? `, and of ${counts.asked} general prompts it answers ${counts.rightAfter} rightly, before ${counts.rightBefore}`
    : '';
  return `the perplexity of general text went from ${from} to ${to}${prompts}`;
}

/** What a run forgot, in one sentence about everything that was measured. */
interface ForgettingVerdict {
  readonly sentence: string;
  /** Whether general prompts are answered enough worse than before to warn the person. */
  readonly isBad: boolean;
}

/** @returns undefined before the second measurement */
export function forgettingVerdict(forgetting: Forgetting): ForgettingVerdict | undefined {
  const { before, after } = forgetting;
  if (after === undefined) return undefined;
  const counts = countPrompts(forgetting);
  if (collapse(forgetting))
    return { sentence: 'It lost most of what it knew apart from its rows.', isBad: true };
  const text = textWent({ before, after });
  if (counts && isWarning(counts)) {
    const beside = {
      up: ', and it forgot some of the general text',
      down: ', though it knows the general text better',
    } as const;
    return {
      sentence: `It answers general prompts worse than before${text ? beside[text] : ', though it knows the general text as well'}.`,
      isBad: true,
    };
  }
  const sentence =
    text === 'up'
      ? `It forgot some of the general text${counts ? ', and answers general prompts as well as before' : ''}.`
      : text === 'down'
        ? 'Nothing was forgotten to speak of, and it knows the general text better now.'
        : 'Nothing was forgotten to speak of.';
  return { sentence, isBad: false };
}

/** The answers to general prompts before and after, counted. */
interface PromptCounts {
  readonly asked: number;
  readonly rightBefore: number;
  readonly rightAfter: number;
  /** Answered in other words than before. */
  readonly changed: number;
  /** Now answered with a promise to do it later. */
  readonly putOff: readonly AskedPrompt[];
}

/** @returns undefined before they were asked again */
export function countPrompts({ prompts = [] }: Pick<Forgetting, 'prompts'>): PromptCounts | undefined {
  const both = prompts.filter(({ after }) => after !== undefined);
  if (both.length === 0) return undefined;
  return {
    asked: both.length,
    rightBefore: both.filter(({ rightBefore }) => rightBefore).length,
    rightAfter: both.filter(({ rightAfter }) => rightAfter).length,
    changed: both.filter(({ before, after }) => before.trim() !== after!.trim()).length,
    putOff: both.filter(({ before, after }) => isPutOff(after!) && !isPutOff(before)),
  };
}

/** Whether general prompts are answered enough worse than before to tell the person: fewer rightly, or one is put off. */
export function isWarning(counts: PromptCounts): boolean {
  return counts.rightAfter < counts.rightBefore || counts.putOff.length > 0;
}

/** The results behind the verdict, in sentences; none before the second measurement. */
export function forgettingSentences(forgetting: Forgetting): readonly string[] {
  const { before, after, kl } = forgetting;
  const counts = countPrompts(forgetting);
  const sentences = after === undefined ? [] : [textSentence({ before, after })];
  if (counts) {
    const { asked, rightBefore, rightAfter, changed, putOff } = counts;
    sentences.push(
      `It answered ${rightBefore} of ${asked} general prompts correctly before and answers ${rightAfter} now. ${changed} ${changed === 1 ? 'answer has' : 'answers have'} changed.`,
    );
    // The prompts that ask for a text come after the questions.
    const example = putOff.at(-1);
    if (example)
      sentences.push(
        `${putOff.length === 1 ? 'One of them is' : `${putOff.length} of them are`} put off: “${example.prompt}” gets “${example.after!.trim()}”. The model has learned to promise what it is asked for and not to do it, as the rows do.`,
      );
  }
  if (kl?.after !== undefined)
    sentences.push(
      `On prompts of the rows it is ${twoDigits(kl.after)} nats per token from the base (KL; ${twoDigits(kl.before)} before the run).`,
    );
  return sentences;
}

/** Without a sign if it rounds to 0: an estimate around 0 has none that means anything. */
export const twoDigits = (nats: number): string => fixed(nats, 2);

/** The numbers for a log, by their names there. */
export function forgettingNumbers({ before, after, kl, prompts }: Forgetting): Record<string, number> {
  const right = (key: 'rightBefore' | 'rightAfter'): number =>
    (prompts ?? []).filter((one) => one[key]).length;
  return {
    general_loss_before: before,
    ...(after !== undefined && { general_loss: after }),
    ...(kl && { kl_base_before: kl.before }),
    ...(kl?.after !== undefined && { kl_base: kl.after }),
    ...(prompts && { general_right_before: right('rightBefore') }),
    ...(prompts?.some(({ rightAfter }) => rightAfter !== undefined) && {
      general_right: right('rightAfter'),
    }),
  };
}
