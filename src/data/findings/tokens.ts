/** Rules about what is learned of a row, most of which need the tokens of a model. */
import { percent } from '../../numbers.ts';
import {
  IGNORED,
  longestSequence,
  sequencesOf,
  supervisedCount,
  type TokenRow,
} from '../../text/trainable.ts';
import type { Checked, CheckTokens, Found, FindingId, RowTokens } from './finding.ts';
import { readRowTexts } from './texts.ts';

/** From this share of the rows on, a run is wasted. */
const WASTED = 0.5;

/** A finding that wastes a run if it is about most of the rows. */
const gravely = (id: FindingId, found: readonly number[], of: number, detail?: string): Found => ({
  id,
  rows: found,
  ...(detail !== undefined && { detail }),
  ...(found.length > 0 && found.length >= WASTED * of && { severity: 'error' as const }),
});

/** Rows without an answer, and rows of which no token has a label. Prompts without answers are answered by the model. */
export function findUnsupervised({ rows, tokens }: Checked): Found[] {
  const found = rows.filter(({ row, example, fault }) => {
    if (!example) return fault === 'no-answer';
    if (example.kind === 'prompt') return false;
    const made = tokens?.rows.get(row);
    if (made) return !made.refused && made.supervised === 0;
    return example.kind === 'tokens' && supervisedCount(example) === 0;
  });
  return [
    gravely(
      'nothing-supervised',
      found.map(({ row }) => row),
      rows.length,
    ),
  ];
}

export function findInTokens({ rows, tokens }: Checked): Found[] {
  if (!tokens) return [];
  const read = readRowTexts(rows).flatMap(({ row }) => {
    const made = tokens.rows.get(row);
    return made ? [{ row, made }] : [];
  });
  const having = (has: (made: RowTokens) => boolean): number[] =>
    read.filter(({ made }) => has(made)).map(({ row }) => row);
  const cut = having(({ answerCut }) => answerCut);
  const { unwritable } = tokens;
  return [
    gravely(
      'end-token-untrained',
      having(({ rendered }) => rendered !== undefined && !endsLearned(rendered, tokens)),
      read.length,
    ),
    {
      id: 'double-start-token',
      rows: having(({ rendered }) => rendered !== undefined && startsTwice(rendered, tokens)),
    },
    gravely('answers-cut', cut, read.length, sharesCut(cut.length, read, tokens.maxLength)),
    { id: 'unstable-template', rows: having(({ stable }) => !stable) },
    gravely(
      'template-refuses',
      having(({ refused }) => refused),
      read.length,
    ),
    { id: 'system-message-dropped', rows: having(({ systemDropped }) => systemDropped) },
    ...(unwritable ? [unwritableIn(unwritable, read.length)] : []),
  ];
}

/** @param of all rows that were looked at */
export const unwritableIn = ({ rows, words }: NonNullable<CheckTokens['unwritable']>, of: number): Found =>
  gravely('unwritable-characters', rows, of, words);

/** Whether the last label of each sequence ends it; templates write a line break after. A sequence without labels is another finding. */
function endsLearned(row: TokenRow, { isEnd, isBlank }: CheckTokens): boolean {
  return sequencesOf(row).every(([start, end]) => {
    const last = row.labels
      .slice(start + 1, end)
      .findLast((label) => label !== IGNORED && (isEnd(label) || !isBlank(label)));
    return last === undefined || isEnd(last);
  });
}

function startsTwice(row: TokenRow, { startId }: CheckTokens): boolean {
  return (
    startId !== undefined &&
    sequencesOf(row).some(([start]) => row.ids[start] === startId && row.ids.at(start + 1) === startId)
  );
}

/** Multiples of the limit for which the share of longer rows is shown. */
const LIMITS = [2, 4];

function sharesCut(cut: number, read: readonly { readonly made: RowTokens }[], limit: number): string {
  const lengths = read.flatMap(({ made: { rendered } }) => (rendered ? longestSequence(rendered) : []));
  const shares = LIMITS.map((times) => {
    const longer = lengths.filter((length) => length > times * limit).length;
    return `${percent(longer / Math.max(1, read.length))} would be at ${times * limit}`;
  });
  return `${cut} of ${read.length} answers (${percent(cut / Math.max(1, read.length))}) are truncated at ${limit} tokens; ${shares.join(' and ')}.`;
}
