/** The findings of the check as the page shows them: a title with their number, and what can be pressed. */
import type { DataOptions, DataSummary, FindingId, PlacedFinding } from '../../worker/api.ts';
import { count, plural } from '../../numbers.ts';
import type { ShownFinding } from './findings.ts';
import {
  cutPrompt,
  dropCopies,
  holdOutMore,
  leaveLongOut,
  leaveOut,
  raiseLimit,
  truncate,
  type Mend,
} from './mends.ts';

/** What the titles and the remedies depend on. */
interface SeenRows {
  readonly summary: DataSummary;
  readonly options: DataOptions;
  /** Tokens that the model takes; undefined while that is not known. */
  readonly maxPositions: number | undefined;
}

type Numbered = (rows: number, seen: Pick<SeenRows, 'summary' | 'options'>) => string;

const rowsWith =
  (one: string, many: string): Numbered =>
  (rows) =>
    plural(rows, `row ${one}`, `rows ${many}`);

const TITLES: Readonly<Record<FindingId, Numbered>> = {
  'unreadable-rows': (rows, { summary: { numbering } }) => `${plural(rows, numbering)} cannot be read`,
  'nothing-supervised': rowsWith('has nothing to learn', 'have nothing to learn'),
  'end-token-untrained': rowsWith('does not learn to end', 'do not learn to end'),
  'double-start-token': rowsWith('starts with two start tokens', 'start with two start tokens'),
  'answers-cut': (rows, { options }) =>
    `${plural(rows, 'answer is', 'answers are')} truncated at ${count(options.maxLength)} tokens`,
  'unstable-template': (rows) => `The chat template changes earlier turns of ${plural(rows, 'row')}`,
  'template-refuses': (rows) => `The model refuses ${plural(rows, 'row')}`,
  'system-message-dropped': (rows) =>
    `${plural(rows, 'system message is', 'system messages are')} never read`,
  'unknown-role': rowsWith('has an unknown role', 'have an unknown role'),
  'unwritable-characters': (rows) => `The model cannot write ${plural(rows, 'answer')}`,
  'empty-answers': (rows) => `${plural(rows, 'answer is', 'answers are')} empty`,
  'very-long-answers': (rows) => `${plural(rows, 'answer is', 'answers are')} very long`,
  'exact-duplicates': rowsWith('repeats an earlier one', 'repeat an earlier one'),
  'near-duplicates': rowsWith('nearly repeats an earlier one', 'nearly repeat an earlier one'),
  'contradictory-answers': rowsWith('contradicts another', 'contradict each other'),
  'test-in-train': rowsWith('outside of the test has a test prompt', 'outside of the test have test prompts'),
  'near-test-rows': rowsWith('nearly repeats a test row', 'nearly repeat a test row'),
  'label-imbalance': rowsWith('has a rare label', 'have rare labels'),
  'language-mix': rowsWith('is in another language', 'are in another language'),
  'likely-wrong-label': (rows) => `${plural(rows, 'label')} may be wrong`,
  'unlikely-label': (rows) => `The tuned model doubts ${plural(rows, 'label')}`,
  'few-test-rows': (_, { summary: { rows } }) =>
    rows.test === 0 ? 'No test rows' : `Only ${plural(rows.test, 'test row')}`,
  secret: rowsWith('may hold a password or a key', 'may hold a password or a key'),
  'card-number': rowsWith('has a card number', 'have a card number'),
  'e-mail-address': rowsWith('has an e-mail address', 'have an e-mail address'),
  'identical-pairs': (rows) => `${plural(rows, 'pair has', 'pairs have')} two equal answers`,
  'opposed-pairs': (rows) => `${plural(rows, 'pair prefers', 'pairs prefer')} what an earlier one rejects`,
  'length-bias': () => 'Chosen and rejected answers differ in length',
  'one-sided': () => 'One side has nothing to compare',
};

/** How many kinds of findings the check knows. What a tuned model doubts is measured apart from it. */
export const FINDING_KINDS = Object.keys(TITLES).filter((id) => id !== 'unlikely-label').length;

/** Entries of the guide. */
const TERMS: Partial<Readonly<Record<FindingId, string>>> = {
  'nothing-supervised': 'loss-mask',
  'answers-cut': 'limit',
  'unstable-template': 'chat-template',
  'template-refuses': 'chat-template',
  'system-message-dropped': 'chat-template',
  'exact-duplicates': 'leak',
  'test-in-train': 'leak',
  'identical-pairs': 'preference-pair',
  'opposed-pairs': 'preference-pair',
  'length-bias': 'length-bias',
  'one-sided': 'judged-answer',
};

/** Findings that end when their rows are left out. */
const CAN_LEAVE: ReadonlySet<FindingId> = new Set<FindingId>([
  'double-start-token',
  'unstable-template',
  'system-message-dropped',
  'unwritable-characters',
  'very-long-answers',
  'near-duplicates',
  'contradictory-answers',
  'test-in-train',
  'near-test-rows',
  'language-mix',
  'likely-wrong-label',
  'unlikely-label',
  'secret',
  'card-number',
  'e-mail-address',
  'identical-pairs',
  'opposed-pairs',
]);

/** Findings whose advice is what the buttons do, or names flags of the command. */
const BUTTONS_SAY: ReadonlySet<FindingId> = new Set<FindingId>([
  'unreadable-rows',
  'nothing-supervised',
  'answers-cut',
  'unwritable-characters',
  'exact-duplicates',
  'near-duplicates',
  'test-in-train',
  'near-test-rows',
]);

/** A finding as a title, with the number of its rows. */
export const titleOf = (
  { id, count: rows }: PlacedFinding,
  seen: Pick<SeenRows, 'summary' | 'options'>,
): string => TITLES[id](rows, seen);

export function shownFinding(finding: PlacedFinding, seen: SeenRows): ShownFinding {
  const { id, severity, why, mend, count: rows, places } = finding;
  const mends = mendsOf(finding, seen);
  const term = TERMS[id];
  return {
    id,
    severity,
    title: titleOf(finding, seen),
    why: [why, ...addedWords(id, seen)].join(' '),
    ...(!BUTTONS_SAY.has(id) && { advice: id === 'few-test-rows' ? adviceOnTestRows(seen, mends) : mend }),
    ...(term !== undefined && { term }),
    ...(rows > 0 && { filter: { finding: id } }),
    rows: places,
    count: rows,
    mends,
    ...(id === 'few-test-rows' && isUndivided(seen) && { crossValidates: true }),
  };
}

/** Whether all rows are one task of one file, of which a cross-validation deals folds. */
const isUndivided = ({ summary, options }: SeenRows): boolean =>
  options.mixture === undefined && summary.files.length < 2;

/** What to do about few test rows, in one voice with the sizes that are proposed under Split. */
function adviceOnTestRows(seen: SeenRows, mends: readonly Mend[]): string {
  const more = 'Add rows: 20 test rows say a little, 200 say much.';
  if (mends.length > 0) return 'Hold out more rows: 20 say a little, 200 say much.';
  return isUndivided(seen) ? `${more} Or cross-validate: then each row is tested once.` : more;
}

const takesNoMore = ({ maxPositions, options }: SeenRows): string[] =>
  maxPositions === options.maxLength ? ['The model takes no more.'] : [];

/** What the page knows besides. */
function addedWords(id: FindingId, seen: SeenRows): string[] {
  const { summary, options } = seen;
  const { unsupervised, dropped, pairs, leaks, leakCount } = summary;
  if (id === 'answers-cut') return takesNoMore(seen);
  if (id === 'nothing-supervised')
    return [
      ...(unsupervised.longest > options.maxLength
        ? [
            `The maximum length cuts off their whole answer${pairs > 0 ? ', or all that distinguishes both answers' : ''}.`,
          ]
        : []),
      ...(dropped.count > 0
        ? [
            `${plural(dropped.count, 'row is', 'rows are')} longer than ${count(options.maxLength)} tokens and left out.`,
          ]
        : []),
      ...takesNoMore(seen),
    ];
  if (id !== 'exact-duplicates') return [];
  // Test rows among them are a finding of their own. The first leaks are listed, and all are counted.
  const known = leaks.filter(({ part }) => part === 'validation').length;
  const least = leakCount > leaks.length ? 'At least ' : '';
  return known === 0
    ? []
    : [
        `${least}${plural(known, 'validation row is', 'validation rows are')} also trained on, so the validation loss looks better than it is.`,
      ];
}

function mendsOf(finding: PlacedFinding, { summary, options, maxPositions }: SeenRows): Mend[] {
  const { unsupervised, dropped, cut, repeated } = summary;
  const raise = (): Mend[] =>
    raiseLimit(Math.max(unsupervised.longest, dropped.longest, cut.longest), options, maxPositions);
  switch (finding.id) {
    case 'exact-duplicates':
      return repeated > 0 ? [dropCopies(repeated, options)] : [];
    case 'answers-cut':
      return [...raise(), ...cutPrompt(options), leaveLongOut(options)];
    case 'nothing-supervised':
      return [
        ...raise(),
        ...(unsupervised.longest > options.maxLength ? cutPrompt(options) : []),
        ...(dropped.count > 0 ? [truncate(options)] : []),
      ];
    case 'few-test-rows':
      return holdOutMore(summary, options);
    default:
      return CAN_LEAVE.has(finding.id) ? leaveOut(finding, summary, options) : [];
  }
}
