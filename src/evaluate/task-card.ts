/** The task card: what the model should do, how an answer is scored, and the score that counts as success. The first screen keeps it, so it reads no scorer. */

/** The share of preference pairs in order, and of answers that pass the rewards, stand next to the scorers as metrics of a task. */
export const PAIRS_IN_ORDER = 'pairs-in-order';
export const REWARD_PASSED = 'reward-passed';

/** Kinds of tasks, each with the metric that usually counts there. */
export const TASK_KINDS = [
  { name: 'labels', label: 'One of several labels', metric: 'exact-match' },
  { name: 'extraction', label: 'Fields of a text (JSON)', metric: 'json-fields' },
  { name: 'number', label: 'A number', metric: 'number-flexible' },
  { name: 'free-text', label: 'Free text', metric: 'rouge-l' },
  { name: 'conversation', label: 'Conversation', metric: 'token-f1' },
  { name: 'preference', label: 'Preference between two answers', metric: PAIRS_IN_ORDER },
  { name: 'reward', label: 'Answers that a rule checks', metric: REWARD_PASSED },
] as const;

export type TaskKind = (typeof TASK_KINDS)[number]['name'];

export interface TaskCard {
  /** The task in a sentence; '' if none was written. */
  readonly goal: string;
  readonly kind?: TaskKind;
  /** The name of a scorer, {@link PAIRS_IN_ORDER} or {@link REWARD_PASSED}; that of the kind if it is missing. */
  readonly metric?: string;
  /** The score that counts as success, as the person wrote it: “9 of 10”, “90%”, “0.9”. */
  readonly target: string;
}

/** A kind by its name; undefined for another text, such as one of a newer version. */
export const taskKind = (name: unknown): (typeof TASK_KINDS)[number] | undefined =>
  TASK_KINDS.find((kind) => kind.name === name);

/** The metric that counts: the chosen one, or that of the kind. */
export const metricOfCard = ({ metric, kind }: Pick<TaskCard, 'metric' | 'kind'>): string =>
  metric ?? taskKind(kind)?.metric ?? TASK_KINDS[0].metric;

/** A score that counts as success. */
export interface TaskTarget {
  /** As it was written. */
  readonly words: string;
  /** From 0 to 1; 0.45 for 45 of a score that ends at 100. */
  readonly share: number;
}

const WORDS =
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty'.split(
    ' ',
  );
const HUNDRED = 100;

function numberOf(text: string): number | undefined {
  const word = text.toLowerCase();
  if (word === 'hundred' || word === 'a hundred') return HUNDRED;
  const at = WORDS.indexOf(word);
  if (at >= 0) return at;
  const number = Number(word.replace(',', '.'));
  return word !== '' && Number.isFinite(number) ? number : undefined;
}

const PERCENT = /(\d+(?:[.,]\d+)?)\s*(?:%|percent\b|per cent\b)/i;
const RATIO =
  /\b(\d+|[a-z]+)\s*(?:\/|\s(?:of|out of|in)\s(?:every\s)?)\s*(\d+|a hundred|[a-z]+)(?![a-z0-9])/gi;

/** The first share in a text, such as “nine of ten” or “90%”. */
function shareIn(text: string): TaskTarget | undefined {
  const percent = PERCENT.exec(text);
  const found = percent ? [{ words: percent[0], share: numberOf(percent[1])! / HUNDRED }] : [];
  for (const match of text.matchAll(RATIO)) {
    const [words, part, whole] = match;
    const [a, b] = [numberOf(part), numberOf(whole)];
    if (a !== undefined && b !== undefined && b > 0) found.push({ words, share: a / b });
  }
  return found.find(({ share }) => share > 0 && share <= 1);
}

/**
 * Reads a score that a person wrote: “9 of 10”, “nine of ten”, “9/10”, “90%”, “0.9”, “all”; a number above 1 counts in hundredths.
 *
 * @returns undefined for another text
 */
export function readTarget(text: string): TaskTarget | undefined {
  const words = text.trim();
  if (/^(all|every one|each)$/i.test(words)) return { words, share: 1 };
  const number = /^\d*[.,]?\d+$/.test(words) ? numberOf(words) : undefined;
  if (number !== undefined) {
    const share = number > 1 ? number / HUNDRED : number;
    return share > 0 && share <= 1 ? { words, share } : undefined;
  }
  return shareIn(words);
}

/** From this share on a ratio in free words is taken as a score: “one of 77 labels” is none. */
const MIN_IN_WORDS = 0.5;

/** The score that counts: the one that was set, else one in the words on success. @param success the person's words, which may name none */
export function targetOf(target: string, success: string): TaskTarget | undefined {
  if (target.trim() !== '') return readTarget(target);
  const found = shareIn(success);
  return found && found.share >= MIN_IN_WORDS ? found : undefined;
}
