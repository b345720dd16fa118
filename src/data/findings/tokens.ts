/** Rules about what is learned of a row, most of which need the tokens of a model. */
import { percent } from '../../numbers.ts';
import {
  IGNORED,
  longestSequence,
  sequencesOf,
  supervisedCount,
  type TokenRow,
} from '../../text/trainable.ts';
import type { Checked, CheckRow, CheckTokens, Found, FindingId, RuleAtWork } from './finding.ts';

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
export function findUnsupervised({ rows, tokens }: Checked): RuleAtWork {
  const isUnsupervised = ({ row, example, fault }: CheckRow): boolean => {
    if (!example) return fault === 'no-answer';
    if (example.kind === 'prompt') return false;
    const made = tokens?.rows.get(row);
    if (made) return !made.refused && made.supervised === 0;
    return example.kind === 'tokens' && supervisedCount(example) === 0;
  };
  const found: number[] = [];
  return {
    see(row) {
      if (isUnsupervised(row)) found.push(row.row);
    },
    found: () => [gravely('nothing-supervised', found, rows.length)],
  };
}

/** Limits, in multiples of the given one, for which the share of longer rows is shown. */
const LIMITS = [2, 4];

export function findInTokens({ tokens }: Checked): RuleAtWork {
  if (!tokens) return { found: () => [] };
  const rows = { ends: [], starts: [], cut: [], unstable: [], refused: [], dropped: [] } as Record<
    'ends' | 'starts' | 'cut' | 'unstable' | 'refused' | 'dropped',
    number[]
  >;
  const longer = LIMITS.map(() => 0);
  let read = 0;
  return {
    see({ row, example }) {
      const made = example && tokens.rows.get(row);
      if (!made) return;
      read++;
      const { rendered } = made;
      if (rendered) {
        if (!endsLearned(rendered, tokens)) rows.ends.push(row);
        if (startsTwice(rendered, tokens)) rows.starts.push(row);
        const length = longestSequence(rendered);
        LIMITS.forEach((times, at) => (longer[at] += Number(length > times * tokens.maxLength)));
      }
      if (made.answerCut) rows.cut.push(row);
      if (!made.stable) rows.unstable.push(row);
      if (made.refused) rows.refused.push(row);
      if (made.systemDropped) rows.dropped.push(row);
    },
    found: () => [
      gravely('end-token-untrained', rows.ends, read),
      { id: 'double-start-token', rows: rows.starts },
      gravely('answers-cut', rows.cut, read, sharesCut(rows.cut.length, read, longer, tokens.maxLength)),
      { id: 'unstable-template', rows: rows.unstable },
      gravely('template-refuses', rows.refused, read),
      { id: 'system-message-dropped', rows: rows.dropped },
      ...(tokens.unwritable ? [unwritableIn(tokens.unwritable, tokens.unwritable.of ?? read)] : []),
    ],
  };
}

/** @param of all rows that were looked at */
export const unwritableIn = (
  { rows, words }: Pick<NonNullable<CheckTokens['unwritable']>, 'rows' | 'words'>,
  of: number,
): Found => gravely('unwritable-characters', rows, of, words);

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

/** @param longer rows that are longer than each of {@link LIMITS} */
function sharesCut(cut: number, read: number, longer: readonly number[], limit: number): string {
  const shares = LIMITS.map(
    (times, at) => `${percent(longer[at] / Math.max(1, read))} would be at ${times * limit}`,
  );
  return `${cut} of ${read} answers (${percent(cut / Math.max(1, read))}) are truncated at ${limit} tokens; ${shares.join(' and ')}.`;
}
