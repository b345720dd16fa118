/** A person's judgements of answers → rows: what each judgement teaches, and what to check before it does. */
import type { Part } from './parts.ts';

export interface Message {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/** One answer, and a person's judgement of it. */
export interface JudgedAnswer {
  readonly id: string;
  /** The conversation up to the question. */
  readonly prompt: readonly Message[];
  /** For a model without a chat template: the text that it continued, without its start token. */
  readonly plain?: string;
  readonly answer: string;
  readonly verdict: 'good' | 'bad';
  /** The answer that the person wanted. */
  readonly correction?: string;
}

/** `answers` for supervised learning; `judged` with a label each, for KTO. */
export type FeedbackRows = 'answers' | 'judged';

/** The reference answer; undefined for an answer that is only disliked. */
export function entryReference({ answer, verdict, correction }: JudgedAnswer): string | undefined {
  return correction ?? (verdict === 'good' ? answer : undefined);
}

/** How many rows an entry gives: supervised learning cannot express “not this”. */
export function rowsOfEntry(entry: JudgedAnswer, as: FeedbackRows): number {
  return lessonsOf(entry, as).length;
}

interface Lesson {
  readonly completion: string;
  readonly label: boolean;
}

function lessonsOf(entry: JudgedAnswer, as: FeedbackRows): readonly Lesson[] {
  const wanted = entryReference(entry);
  const good = wanted === undefined ? [] : [{ completion: wanted, label: true }];
  const bad = as === 'judged' && wanted !== entry.answer ? [{ completion: entry.answer, label: false }] : [];
  return [...good, ...bad].filter(({ completion }) => completion.trim() !== '');
}

/**
 * The entries as rows of a file, in JSON Lines: `prompt` and `completion`, and `label` if they are judged. A conversation is a list of messages
 * on both sides.
 *
 * @param chatTemplate whether the model has one; decided by each entry if no model is open
 */
export function feedbackFile(
  entries: readonly JudgedAnswer[],
  as: FeedbackRows,
  chatTemplate: boolean | undefined,
): string {
  return entries
    .flatMap((entry) => {
      const { prompt, plain } = entry;
      const isText = !(chatTemplate ?? plain === undefined);
      const [first, ...more] = prompt;
      const single = more.length === 0 && first.role === 'user';
      const text = isText ? (plain ?? prompt.at(-1)?.content) : single ? first.content : undefined;
      return lessonsOf(entry, as).map(({ completion, label }) => ({
        prompt: text ?? prompt,
        completion: text === undefined ? [{ role: 'assistant', content: completion }] : completion,
        ...(as === 'judged' && { label }),
      }));
    })
    .map((row) => `${JSON.stringify(row)}\n`)
    .join('');
}

/** The part of a row that feedback is compared with. */
export interface AskingRow {
  readonly prompt: string;
  readonly expected: string;
  readonly part: Part;
  /** Its position in its file. */
  readonly line: number;
}

export type FeedbackFinding =
  /** A test or validation row asks the same: the measurement would ask what was taught. */
  | { readonly kind: 'leak'; readonly part: 'test' | 'validation'; readonly line: number }
  /** A row that is trained on teaches the same. */
  | { readonly kind: 'known'; readonly line: number }
  /** An earlier entry teaches the same, or another answer to the same question. */
  | { readonly kind: 'copy' | 'contrary'; readonly of: string };

const squeezed = (text: string): string => text.trim().replace(/\s+/g, ' ');
const asked = (prompt: string): string => squeezed(prompt).toLowerCase();

/** Equal for conversations that ask the same. */
export const questionKey = (prompt: readonly Message[]): string => asked(questionOf(prompt));

/** A conversation as one text, in the form of questions. */
function questionOf(prompt: readonly Message[]): string {
  const [first, ...more] = prompt;
  return more.length === 0
    ? first.content
    : prompt.map(({ role, content }) => `${role}: ${content}`).join('\n');
}

/**
 * Checks entries before a run learns from them, ignoring white space and, in questions, capitals.
 *
 * @param entries in the order in which they were made
 * @returns findings by id, for entries that have some; the gravest first
 */
export function lookAtFeedback(
  entries: readonly JudgedAnswer[],
  rows: readonly AskingRow[],
): ReadonlyMap<string, readonly FeedbackFinding[]> {
  const rowsByQuestion = new Map<string, AskingRow[]>();
  for (const row of rows) {
    const question = asked(row.prompt);
    const same = rowsByQuestion.get(question);
    if (same) same.push(row);
    else rowsByQuestion.set(question, [row]);
  }
  const earlier = new Map<string, { id: string; wanted: string }>();
  const found = new Map<string, FeedbackFinding[]>();
  for (const entry of entries) {
    const question = questionKey(entry.prompt);
    const wanted = entryReference(entry);
    const findings: FeedbackFinding[] = [];
    // A system prompt of the deployment does not make another question of it.
    const bare = entry.prompt.filter(({ role }) => role !== 'system');
    const without = bare.length > 0 && bare.length < entry.prompt.length ? questionKey(bare) : question;
    const same = [
      ...(rowsByQuestion.get(question) ?? []),
      ...(without === question ? [] : (rowsByQuestion.get(without) ?? [])),
    ];
    const held = same.find(({ part }) => part === 'test') ?? same.find(({ part }) => part === 'validation');
    if (held && held.part !== 'train') findings.push({ kind: 'leak', part: held.part, line: held.line });
    if (wanted !== undefined) {
      const known = same.find(
        ({ part, expected }) => part === 'train' && squeezed(expected) === squeezed(wanted),
      );
      if (known) findings.push({ kind: 'known', line: known.line });
      const before = earlier.get(question);
      if (before)
        findings.push({ kind: before.wanted === squeezed(wanted) ? 'copy' : 'contrary', of: before.id });
      else earlier.set(question, { id: entry.id, wanted: squeezed(wanted) });
    }
    if (findings.length > 0) found.set(entry.id, findings);
  }
  return found;
}
