/** Findings in the rows before training, and their remedies in one press. */
import { adviceOf, cutWords } from '../../data/preference-lint.ts';
import { withSkipped } from '../../data/skip-list.ts';
import type { DataOptions, DataSummary, RowPlace } from '../../worker/api.ts';
import type { StateFilter } from '../state/rows.svelte.ts';
import { count, plural } from '../ui/format.ts';

/** A change of how rows are read. */
export interface Mend {
  /** On its button. */
  readonly words: string;
  /** The announcement once it is done. */
  readonly done: string;
  readonly options: DataOptions;
}

export interface Finding {
  readonly id: string;
  readonly title: string;
  readonly why: string;
  /** An entry of the guide. */
  readonly term?: string;
  /** The filter of the list that shows exactly these rows. */
  readonly state?: StateFilter;
  readonly rows: readonly RowPlace[];
  /** How many there are. */
  readonly count: number;
  readonly mends: readonly Mend[];
  /** Whether the columns can be chosen to mend it. */
  readonly columns?: boolean;
}

/** @param maxPositions tokens that the model takes; undefined while that is not known */
export function findingsOf(
  summary: DataSummary,
  options: DataOptions,
  maxPositions: number | undefined,
): Finding[] {
  const all = [
    leaks(summary, options),
    repeats(summary, options),
    ...unusedText(summary),
    tooLong(summary, options, maxPositions),
    cutWhole(summary, options, maxPositions),
    dropped(summary, options, maxPositions),
    ...preferences(summary, options),
  ];
  return all.filter((finding) => finding !== undefined);
}

/** Rows that a person left out, which can be taken in again. */
export function leftOut({ skipped, copies, capped }: DataSummary, options: DataOptions): Finding[] {
  const { skip: _, ...unskipped } = options;
  const { dropCopies: __, ...withCopies } = options;
  return [
    {
      id: 'skipped',
      title: `${plural(skipped.count, 'row is', 'rows are')} left out by you`,
      why: '',
      state: 'skipped' as const,
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
      title: `${plural(copies.count, 'copy is', 'copies are')} left out`,
      why: 'One of several equal rows is kept: a test row rather than a training row.',
      state: 'copy' as const,
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
      title: `${plural(capped.count, 'row is', 'rows are')} left out by the maximum of ${capped.count === 1 ? 'its task' : 'their tasks'}`,
      why: 'Each task has a maximum number of training rows. The split seed chooses them.',
      term: 'mixture',
      state: 'capped' as const,
      ...capped,
      mends: [],
    },
  ].filter((finding) => finding.count > 0);
}

const them = (rows: number): string => (rows === 1 ? 'it' : 'them');

function dropCopies(rows: number, options: DataOptions): Mend {
  return {
    words: rows === 1 ? 'Leave the copy out' : `Leave the ${count(rows)} copies out`,
    done: `${plural(rows, 'copy is', 'copies are')} left out.`,
    options: { ...options, dropCopies: true },
  };
}

function leaks(
  { leakCount, leaks: found, repeated }: DataSummary,
  options: DataOptions,
): Finding | undefined {
  if (leakCount === 0) return undefined;
  return {
    id: 'leaks',
    title: `${plural(leakCount, 'held-out row is', 'held-out rows are')} also trained on`,
    why: 'The same row is in both parts, so every measurement looks better than it is. The held-out row stays; its copies in training can go.',
    term: 'leak',
    state: 'leaked',
    rows: found.map(({ row }) => row),
    count: leakCount,
    mends: [dropCopies(repeated, options)],
  };
}

function repeats({ repeated, leakCount }: DataSummary, options: DataOptions): Finding | undefined {
  if (repeated === 0) return undefined;
  return {
    id: 'repeated',
    title: `${plural(repeated, 'row repeats', 'rows repeat')} an earlier one`,
    why: `Word for word${leakCount > 0 ? ', the held-out ones above among them' : ''}. A row that occurs three times counts three times.`,
    state: 'repeated',
    rows: [],
    count: repeated,
    // One press mends both.
    mends: leakCount > 0 ? [] : [dropCopies(repeated, options)],
  };
}

function unusedText({ files }: DataSummary): Finding[] {
  return files.flatMap((file, at) =>
    (file?.unused ?? [])
      .filter(({ text }) => text)
      .map(({ name, rows }) => ({
        id: `unused-${at}-${name}`,
        title: `The column “${name}” is not used`,
        why: `It has text in ${plural(rows, 'row')}${at > 0 ? ` of ${file?.name}` : ''}, and the model never sees it.`,
        rows: [],
        count: rows,
        mends: [],
        columns: true,
      })),
  );
}

/** @param longest tokens of the longest row that is too long */
function raiseLimit(longest: number, options: DataOptions, maxPositions: number | undefined): Mend[] {
  const limit = Math.min(longest, maxPositions ?? longest);
  if (limit <= options.maxLength) return [];
  return [
    {
      words: `Raise the maximum length to ${count(limit)}`,
      done: `The maximum length is ${count(limit)} tokens.`,
      options: { ...options, maxLength: limit },
    },
  ];
}

function cutPrompt(options: DataOptions): Mend[] {
  if (options.overlong !== 'truncate-end') return [];
  return [
    {
      words: 'Truncate the prompt instead',
      done: 'Rows that are too long have their prompt truncated.',
      options: { ...options, overlong: 'truncate-prompt' },
    },
  ];
}

function leaveLongOut(options: DataOptions): Mend {
  return {
    words: 'Leave long rows out',
    done: 'Rows that are too long are left out.',
    options: { ...options, overlong: 'drop' },
  };
}

const mostOf = (maxPositions: number | undefined, limit: number): string =>
  maxPositions === limit ? ' The model takes no more.' : '';

function tooLong(
  { cut, unsupervised, preferences: lint }: DataSummary,
  options: DataOptions,
  maxPositions: number | undefined,
): Finding | undefined {
  if (cut.count === 0) return undefined;
  const longest = Math.max(cut.longest, unsupervised.longest);
  const told = lint ? cutWords(lint) : '';
  return {
    id: 'cut',
    title: `${plural(cut.count, 'row is', 'rows are')} truncated at ${count(options.maxLength)} tokens`,
    why: `${told === '' ? 'The model never sees what is struck out.' : told}${mostOf(maxPositions, options.maxLength)}`,
    state: 'cut',
    ...cut,
    mends: [...raiseLimit(longest, options, maxPositions), ...cutPrompt(options), leaveLongOut(options)],
  };
}

function cutWhole(
  { unsupervised, cut, pairs }: DataSummary,
  options: DataOptions,
  maxPositions: number | undefined,
): Finding | undefined {
  if (unsupervised.count === 0) return undefined;
  const byLimit = unsupervised.longest > options.maxLength;
  return {
    id: 'unsupervised',
    title: `${plural(unsupervised.count, 'row has', 'rows have')} nothing to learn`,
    why: byLimit
      ? `The maximum length cuts off their whole answer${pairs > 0 ? ', or all that distinguishes both answers' : ''}. They are not trained on.`
      : 'They have no supervised token. They are not trained on.',
    state: 'unsupervised',
    ...unsupervised,
    mends: byLimit
      ? [
          ...raiseLimit(Math.max(unsupervised.longest, cut.longest), options, maxPositions),
          ...cutPrompt(options),
        ]
      : [],
  };
}

function dropped(
  { dropped: group }: DataSummary,
  options: DataOptions,
  maxPositions: number | undefined,
): Finding | undefined {
  if (group.count === 0) return undefined;
  return {
    id: 'dropped',
    title: `${plural(group.count, 'row is', 'rows are')} longer than ${count(options.maxLength)} tokens and left out`,
    why: `Longer rows are left out, as the split says.${mostOf(maxPositions, options.maxLength)}`,
    state: 'dropped',
    ...group,
    mends: [
      ...raiseLimit(group.longest, options, maxPositions),
      {
        words: 'Truncate at the maximum length',
        done: `Rows are truncated at ${count(options.maxLength)} tokens.`,
        options: { ...options, overlong: 'truncate-end' },
      },
    ],
  };
}

/** Findings about pairs and judged answers. Pairs that teach nothing can be left out. */
function preferences({ preferences: lint }: DataSummary, options: DataOptions): Finding[] {
  if (!lint) return [];
  return adviceOf(lint).map(({ id, title, why }) => {
    const rows = id === 'alike' || id === 'flipped' ? lint[id] : [];
    return {
      id,
      title,
      why,
      term: id === 'length-bias' ? 'length-bias' : rows.length > 0 ? 'preference-pair' : 'judged-answer',
      rows,
      count: rows.length,
      mends: rows.length === 0 ? [] : [leaveOut(rows, options)],
    };
  });
}

function leaveOut(rows: readonly RowPlace[], options: DataOptions): Mend {
  return {
    words: `Leave ${them(rows.length)} out`,
    done: `${plural(rows.length, 'pair is', 'pairs are')} left out.`,
    options: {
      ...options,
      skip: rows.reduce<DataOptions['skip']>(
        (skip, { file, line }) => withSkipped(skip, file, line),
        options.skip,
      ),
    },
  };
}
