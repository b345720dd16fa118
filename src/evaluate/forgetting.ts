/** Forgetting of a run, in numbers and in words. */
import { isPutOff } from './general-prompts.ts';

/** How the loss on a general text changed over a run. */
export interface LossChange {
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
  /** The loss after some of its steps, where that was asked for. */
  readonly during?: readonly { readonly step: number; readonly loss: number }[];
  /** KL(base ‖ tuned) on prompts of the rows, in nats for each token; missing where rows have no prompts. */
  readonly kl?: { readonly before: number; readonly after?: number };
  readonly prompts?: readonly AskedPrompt[];
}

/** A loss on general text that moved by less than this, in nats, is called the same. */
export const NOTICEABLE = 0.02;

/** In a sentence, without its full stop. */
export function forgettingInWords({ before, after }: LossChange): string {
  const [from, to] = [before, after].map((loss) => Math.exp(loss).toPrecision(3));
  const change = after - before;
  const said =
    change > NOTICEABLE
      ? 'it forgot some of it'
      : change < -NOTICEABLE
        ? 'it knows it better now'
        : 'nothing was forgotten to speak of';
  return `loss on general text ${before.toFixed(4)} → ${after.toFixed(4)} (perplexity ${from} → ${to}): ${said}`;
}

/** The answers to general prompts before and after, counted. */
export interface PromptCounts {
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

/** Whether general prompts are answered enough worse than before to tell the person. */
export function isWarning(counts: PromptCounts): boolean {
  return counts.rightAfter < counts.rightBefore || counts.putOff.length > 0;
}

/** The results of prompts and of the distance to the base, in sentences; none before the second measurement. */
export function forgettingSentences(forgetting: Forgetting): readonly string[] {
  const { kl } = forgetting;
  const counts = countPrompts(forgetting);
  const sentences: string[] = [];
  if (counts) {
    const { asked, rightBefore, rightAfter, changed, putOff } = counts;
    sentences.push(
      `Of ${asked} general prompts ${rightBefore} were answered rightly before and ${rightAfter} are now; ${changed} ${changed === 1 ? 'has' : 'have'} another answer.`,
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
      `On prompts of the rows it is ${twoDigits(kl.after)} nats a token from the base (KL; ${twoDigits(kl.before)} before the run).`,
    );
  return sentences;
}

/** An estimate around 0 has no sign that means anything. */
/** Without a sign if it rounds to 0. */
export const twoDigits = (nats: number): string => nats.toFixed(2).replace(/^-(?=0\.00$)/, '');
