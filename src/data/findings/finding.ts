/** What a check of rows before a run finds: the port that its rules read, and the registry of what each finding is called, why it matters and what mends it. */
import type { List } from '../../lists.ts';
import type { TokenRow } from '../../text/trainable.ts';
import type { Example, RowFault } from '../example.ts';
import type { Slow } from './slow.ts';

/** `error`: a run on these rows would be wasted. `warning`: it would be worse than it has to be. `note`: something to look at. */
export type Severity = 'error' | 'warning' | 'note';

/** A row of a file, whether it could be read or not. */
export interface CheckRow {
  /** Its place among the rows of its file, from 0. */
  readonly row: number;
  /** Missing if the row cannot be read. */
  readonly example?: Example;
  /** The kind of mistake in a row that cannot be read, if it is a known one. */
  readonly fault?: RowFault;
}

/** What a model's tokenizer and template make of a row. */
export interface RowTokens {
  /** Before the limit; missing for a document, which becomes many rows, and for a row that is refused. */
  readonly rendered?: TokenRow;
  /** Whether the tokenizer or the template refuses the row. */
  readonly refused: boolean;
  /** Tokens that are learned from within the limit. */
  readonly supervised: number;
  /** Whether the limit takes a part of what is learned. */
  readonly answerCut: boolean;
  /** Whether the template renders the turns up to an answer as it renders the whole. */
  readonly stable: boolean;
  /** Whether the text has no place for the system message. */
  readonly systemDropped: boolean;
}

/** Tokens of the rows that can be read, and the special tokens that they are checked for. */
export interface CheckTokens {
  /** By the place of the row. Asked for in the order of the rows. */
  readonly rows: Pick<ReadonlyMap<number, RowTokens>, 'get'>;
  readonly maxLength: number;
  readonly startId: number | undefined;
  /** Whether a token ends a turn or a text. */
  isEnd(id: number): boolean;
  /** Whether a token is white space only. */
  isBlank(id: number): boolean;
  /** What of the answers the model cannot write, if there is something. */
  readonly unwritable?:
    | {
        readonly rows: readonly number[];
        readonly words: string;
        /** The rows that were looked at; all that have tokens if left out. */
        readonly of?: number;
      }
    | undefined;
}

export interface Checked {
  /** Those of a large file are read again each time that they are asked for. */
  readonly rows: List<CheckRow>;
  /** Rows of a separate test file. */
  readonly test?: List<CheckRow>;
  /** Places of the rows that are held out for the test, if the rows are divided already. They are not trained on. */
  readonly held?: ReadonlySet<number>;
  /** The fraction that is held out if there is no test file. */
  readonly testFraction: number;
  /** Left out without a model. */
  readonly tokens?: CheckTokens;
}

/** Rows of a finding, before it has its words. */
export interface Found {
  readonly id: FindingId;
  /** Places in the file of the training rows, from 0. */
  readonly rows: readonly number[];
  /** What was measured, as a sentence. */
  readonly detail?: string;
  /** In place of the severity of the registry. */
  readonly severity?: Severity;
}

/** A rule at work. It keeps little of each row, since a file may have a million. */
export interface RuleAtWork {
  /** Called first: it may read rows for itself. */
  before?(): Slow<void>;
  /** Called with each row in its order, before {@link found}. */
  see?(row: CheckRow): void;
  /** May read the rows once more. */
  found(): readonly Found[] | Slow<readonly Found[]>;
}

/** @param checked whose rows follow one by one */
export type Rule = (checked: Checked) => RuleAtWork;

/** What is known of a kind of finding. */
export interface FindingKind {
  readonly severity: Severity;
  readonly why: string;
  readonly mend: string;
}

export const FINDINGS = {
  'unreadable-rows': {
    severity: 'warning',
    why: 'These rows cannot be read, so nothing is learned from them.',
    mend: 'Correct them: graft train lists the reason of each.',
  },
  'nothing-supervised': {
    severity: 'warning',
    why: 'No token of these rows is learned from, so they change nothing.',
    mend: 'Give each row an answer, or raise --max-length if the limit takes it.',
  },
  'end-token-untrained': {
    severity: 'warning',
    why: 'The end of the answer is not learned, so the model may not stop.',
    mend: 'Take the end token into the labels, or let Graft render text rows, which adds it.',
  },
  'double-start-token': {
    severity: 'warning',
    why: 'The row starts with two start tokens, which the model never sees when it answers.',
    mend: 'Take the start token out of the text.',
  },
  'answers-cut': {
    severity: 'warning',
    why: 'The limit takes the end of these answers, so the model learns answers that break off.',
    mend: 'Raise --max-length, or leave long rows out with --overlong drop.',
  },
  'unstable-template': {
    severity: 'warning',
    why: 'The chat template changes earlier turns when later ones follow, so training and answering see other tokens.',
    mend: 'Give each answer a row of its own.',
  },
  'template-refuses': {
    severity: 'warning',
    why: "The model's tokenizer or chat template refuses these rows, so they are not learned from.",
    mend: 'Let user and assistant take turns, or choose a model whose template takes such rows.',
  },
  'system-message-dropped': {
    severity: 'warning',
    why: 'The chat template leaves the system message out, so the model never reads it.',
    mend: 'Move its text into the first user message.',
  },
  'unknown-role': {
    severity: 'warning',
    why: 'A message has a role that Graft does not learn from, so the whole row is left out.',
    mend: 'Use the roles system, user and assistant.',
  },
  'unwritable-characters': {
    severity: 'warning',
    why: 'The answers have characters that this model cannot write or cannot tell apart.',
    mend: 'Replace the characters, or add them as tokens with --add-tokens.',
  },
  'empty-answers': {
    severity: 'warning',
    why: 'The answer is empty, so there is nothing to learn and the row is left out.',
    mend: 'Write the answers, or delete the rows.',
  },
  'very-long-answers': {
    severity: 'note',
    why: 'These answers are more than ten times as long as the median answer, and weigh as much more.',
    mend: 'Shorten them, or check that no answers were joined by mistake.',
  },
  'exact-duplicates': {
    severity: 'warning',
    why: 'The same row stands earlier in the file: a row that is there twice weighs twice.',
    mend: 'Leave the copies out with --drop-duplicates.',
  },
  'near-duplicates': {
    severity: 'warning',
    why: 'An earlier row says almost the same, which weighs more and leaks if the two are split.',
    mend: 'Leave the later rows out with --skip-rows.',
  },
  'contradictory-answers': {
    severity: 'warning',
    why: 'The same prompt has different answers, so the model learns to guess between them.',
    mend: 'Decide on one answer for each prompt.',
  },
  'test-in-train': {
    severity: 'warning',
    why: 'Test prompts stand in these training rows, so the measurement flatters the model.',
    mend: 'Leave the training rows out with --skip-rows.',
  },
  'near-test-rows': {
    severity: 'note',
    why: 'These training rows say almost the same as a test row, so the measurement shows less of what is new to the model.',
    mend: 'Leave them out with --skip-rows, unless the test is about other wordings.',
  },
  'label-imbalance': {
    severity: 'warning',
    why: 'These rows have rare labels, which the model hardly learns and accuracy hardly shows.',
    mend: 'Add rows of the rare labels, and judge by macro-F1.',
  },
  'language-mix': {
    severity: 'note',
    why: 'A few rows are in another language than most rows: the model may answer in the wrong one, and learns little from so few.',
    mend: 'Take these rows out, or add more rows of their language.',
  },
  'likely-wrong-label': {
    severity: 'note',
    why: 'The words of this row, or all similar rows, speak for another label.',
    mend: 'Read these rows and correct the label if it is wrong.',
  },
  'unlikely-label': {
    severity: 'note',
    why: 'A model that learned from all rows does not believe these ones.',
    mend: 'Read these rows and correct the label if it is wrong.',
  },
  'few-test-rows': {
    severity: 'warning',
    why: 'On so few rows a lucky model looks like a better one.',
    mend: 'Hold out more rows: 20 say a little, 200 say much. With few rows in all, cross-validate.',
  },
  secret: {
    severity: 'warning',
    why: 'The text looks like a password or an access key, which the model may repeat to anybody.',
    mend: 'Replace it with a placeholder, and revoke the key.',
  },
  'card-number': {
    severity: 'warning',
    why: 'The text has a number that passes the check of payment cards, which the model may repeat.',
    mend: 'Replace it with a placeholder.',
  },
  'e-mail-address': {
    severity: 'note',
    why: 'The text has an e-mail address, which the model may repeat.',
    mend: 'Replace it with a placeholder, unless it is public.',
  },
  'identical-pairs': {
    severity: 'warning',
    why: 'Both answers of the pair are the same, so there is nothing to prefer.',
    mend: 'Delete the pairs, or write another answer.',
  },
  'opposed-pairs': {
    severity: 'warning',
    why: 'The pair prefers what an earlier one rejects, so the two cancel each other out.',
    mend: 'Decide on one of the two.',
  },
  'length-bias': {
    severity: 'warning',
    why: 'The model may learn the length of answers and little else.',
    mend: 'Balance the lengths, or use IPO or SimPO.',
  },
  'one-sided': {
    severity: 'warning',
    why: 'One side has nothing to compare: every answer has the same mark, or one side is always the same text.',
    mend: 'Add answers of the other kind, or learn the good ones supervised.',
  },
} as const satisfies Readonly<Record<string, FindingKind>>;

export type FindingId = keyof typeof FINDINGS;

/** A finding as the command prints it. */
export interface Finding extends FindingKind {
  readonly id: FindingId;
  /** Places in the file of the training rows, from 0, in ascending order. */
  readonly rows: readonly number[];
}
