/** What the list of findings shows besides those of the check: columns and rows that are not used, and rows that a person left out. */
import { adviceOf, cutWords } from '../../data/preference-lint.ts';
import type { DataOptions, DataSummary, FindingId, RowPlace, Severity } from '../../worker/api.ts';
import type { StateFilter } from './rows.svelte.ts';
import { count, plural } from '../../numbers.ts';
import { cutPrompt, leaveLongOut, raiseLimit, them, type Mend } from './mends.ts';

export interface ShownFinding {
  readonly id: string;
  /** `out`: rows that are left out, which is no fault. */
  readonly severity: Severity | 'out';
  readonly title: string;
  readonly why: string;
  /** What to do, if no press does it. */
  readonly advice?: string;
  /** A cross-validation would help. */
  readonly crossValidates?: true;
  /** An entry of the guide. */
  readonly term?: string;
  /** The filter of the list that shows exactly these rows. */
  readonly filter?: { readonly state?: StateFilter; readonly finding?: FindingId };
  /** The first of its rows, with the reason of each that cannot be read. */
  readonly rows: readonly (RowPlace & { readonly reason?: string })[];
  /** How many there are. */
  readonly count: number;
  readonly mends: readonly Mend[];
  /** Whether the columns can be chosen to mend it. */
  readonly columns?: boolean;
}

/**
 * @param maxPositions tokens that the model takes; undefined while that is not known
 * @param found what the check found, which is not repeated: ids, and notes that say the same
 */
export function findingsOf(
  summary: DataSummary,
  options: DataOptions,
  maxPositions: number | undefined,
  found: ReadonlySet<string>,
): ShownFinding[] {
  return [
    ...unusedText(summary),
    ...(found.has('answers-cut') && options.overlong === 'truncate-end'
      ? []
      : tooLong(summary, options, maxPositions)),
    ...preferences(summary, found),
    ...otherLists(summary),
    ...notes(summary, found),
  ];
}

/** Rows that a person left out, which can be taken in again. */
export function leftOut({ skipped, copies, capped }: DataSummary, options: DataOptions): ShownFinding[] {
  const { skip: _, ...unskipped } = options;
  const { dropCopies: __, ...withCopies } = options;
  return [
    {
      id: 'skipped',
      severity: 'out' as const,
      title: `${plural(skipped.count, 'row is', 'rows are')} left out by you`,
      why: '',
      filter: { state: 'skipped' as const },
      ...skipped,
      mends: [
        {
          words: `Bring ${them(skipped.count)} back`,
          done: `${plural(skipped.count, 'row is', 'rows are')} back.`,
          options: unskipped,
        },
      ],
    },
    {
      id: 'copies',
      severity: 'out' as const,
      title: `${plural(copies.count, 'copy is', 'copies are')} left out`,
      why: 'One of several equal rows is kept: a test row rather than a training row.',
      filter: { state: 'copy' as const },
      ...copies,
      mends: [
        {
          words: `Keep ${copies.count === 1 ? 'the copy' : 'the copies'}`,
          done: `${plural(copies.count, 'copy is', 'copies are')} back.`,
          options: withCopies,
        },
      ],
    },
    {
      id: 'capped',
      severity: 'out' as const,
      title: `${plural(capped.count, 'row is', 'rows are')} left out by the maximum of ${capped.count === 1 ? 'its task' : 'their tasks'}`,
      why: 'Each task has a maximum number of training rows. The split seed chooses them.',
      term: 'mixture',
      filter: { state: 'capped' as const },
      ...capped,
      mends: [],
    },
  ].filter((finding) => finding.count > 0);
}

/** A note about the whole. */
const NOTE = { severity: 'note', rows: [], mends: [] } as const;

function unusedText({ files }: DataSummary): ShownFinding[] {
  return files.flatMap((file, at) =>
    (file?.unused ?? [])
      .filter(({ text }) => text)
      .map(({ name, rows }) => ({
        ...NOTE,
        id: `unused-${at}-${name}`,
        title: `The column “${name}” is not used`,
        why: `It has text in ${plural(rows, 'row')}${at > 0 ? ` of ${file?.name}` : ''}, and the model never sees it.`,
        count: rows,
        columns: true,
      })),
  );
}

/** Rows whose prompt is cut. Answers that are cut are a finding of the check. */
function tooLong(
  { cut, unsupervised, preferences: lint }: DataSummary,
  options: DataOptions,
  maxPositions: number | undefined,
): ShownFinding[] {
  if (cut.count === 0) return [];
  const longest = Math.max(cut.longest, unsupervised.longest);
  const cutText = lint ? cutWords(lint) : '';
  return [
    {
      id: 'cut',
      severity: 'note',
      title: `${plural(cut.count, 'row is', 'rows are')} truncated at ${count(options.maxLength)} tokens`,
      why: `${cutText === '' ? 'The model never sees what is struck out.' : cutText}${maxPositions === options.maxLength ? ' The model takes no more.' : ''}`,
      filter: { state: 'cut' },
      ...cut,
      mends: [...raiseLimit(longest, options, maxPositions), ...cutPrompt(options), leaveLongOut(options)],
    },
  ];
}

/** Findings of the check that say the same. */
const SAME: Readonly<Record<ReturnType<typeof adviceOf>[number]['id'], FindingId | undefined>> = {
  'one-label': 'one-sided',
  'label-balance': undefined,
  'length-bias': 'length-bias',
  alike: 'identical-pairs',
  flipped: 'opposed-pairs',
};

/** Findings in the tokens of pairs and judged answers, if the check found nothing in their texts. */
function preferences({ preferences: lint }: DataSummary, found: ReadonlySet<string>): ShownFinding[] {
  return (lint ? adviceOf(lint) : [])
    .filter(({ id }) => !found.has(SAME[id] ?? ''))
    .map(({ id, title, why }) => ({
      ...NOTE,
      id: `pairs-${id}`,
      title,
      why,
      term: id === 'length-bias' ? 'length-bias' : 'judged-answer',
      count: 0,
    }));
}

function otherLists({ left }: DataSummary): ShownFinding[] {
  return left.map(({ name, rows }, at) => ({
    ...NOTE,
    id: `list-${at}`,
    title: `${plural(rows, 'row', 'rows')} of “${name}” ${rows === 1 ? 'is' : 'are'} left out`,
    why: 'One list of a file is read. Save this one as a file of its own, and open it as test rows or as more rows.',
    count: rows,
  }));
}

function notes({ notes: all, numbering }: DataSummary, found: ReadonlySet<string>): ShownFinding[] {
  return all
    .filter(({ note }) => !found.has(note))
    .map(({ note, lines }) => ({
      ...NOTE,
      id: `note-${note}`,
      title: note,
      why: `${plural(lines.length, numbering)}, the first is ${count(lines[0])}.`,
      count: lines.length,
    }));
}
