/** The table of `graft evaluate` as printed: every adapter with what it took, its score and what it forgot, next to the base. */
import { nameOf, scoreCell, shareCell } from '../evaluate/cells.ts';
import { metricsOf } from '../evaluate/columns.ts';
import { base } from '../evaluate/methods/base.ts';
import { rewardScoresOf } from '../evaluate/report.ts';
import type { TableLine, TunedTable } from '../evaluate/table-report.ts';
import { proportion } from '../proportion.ts';
import {
  generalLossOf,
  pairsInWords,
  PART_SCORED,
  promptsOf,
  scoredRowsInWords,
  type TunedStanding,
} from '../evaluate/tuned-table.ts';
import { count, formatBytes, threeDigits } from '../numbers.ts';
import { twoDigits } from '../evaluate/forgetting.ts';
import { textTable } from './evaluate-output.ts';

const NONE = '–';
/** The text after a value: its standing next to the best of its column. */
const STANDING: Readonly<Record<TunedStanding, string>> = {
  best: ' (best)',
  first: ' (highest)',
  even: ' (even)',
  behind: '',
};

/** What the marks of a table say: only those that stand in it. */
export function marksInWords(table: string): string {
  const has = (mark: string): boolean => table.includes(mark);
  const even = ['(highest)', '(lowest)', '(even)'].filter(has);
  const list = even.length < 2 ? even.join('') : `${even.slice(0, -1).join(', ')} and ${even.at(-1)}`;
  return [
    ...(has('(best)')
      ? [
          '(best) is ahead of the others in this table: the base model and what was tuned. The verdict also counts methods without tuning.',
        ]
      : []),
    ...(even.length > 0
      ? [`${list} may be as good as each other: the difference may be chance, or is too small to count.`]
      : []),
  ].join(' ');
}

/** The table as printed. */
export function tunedTableText({ metric, pairsAgainstBase, lines }: TunedTable): string {
  const measured = lines.some(({ side }) => side.subject.forgetting !== undefined);
  const isRewarded = lines.some(({ side }) => side.rewards !== undefined);
  const hasPairs = pairsAgainstBase !== undefined;
  const pairCell = ({ side, preferred, pairs }: TableLine, words: string): string =>
    preferred
      ? `${shareCell(proportion(preferred.filter(Boolean).length, preferred.length))}${pairs.standing ? words : ''}`
      : side.subject.method === base.name && pairsAgainstBase === true
        ? 'the reference'
        : NONE;
  const head = [
    'tuned',
    'kind',
    'parameters',
    'memory',
    's/step',
    ...(isRewarded ? ['reward'] : []),
    ...(hasPairs ? ['preference accuracy'] : []),
    ...(metric ? [metric.heading] : []),
    ...(measured ? ['on general text', 'general prompts', 'KL to base, nats per token'] : []),
  ];
  const text = textTable(
    head,
    lines.map((line) => {
      const { side, score, reward, pairs, general, prompts } = line;
      const rewards = rewardScoresOf(side);
      const { kind = NONE, took: { parameters, peakBytes, secondsPerStep } = {}, forgetting } = side.subject;
      const right = promptsOf({ side });
      const loss = generalLossOf({ side });
      const scored = metric && scoredRowsInWords({ side }, metric);
      const wordsOf = (standing: TunedStanding | undefined): string => (standing ? STANDING[standing] : '');
      const change =
        forgetting?.after === undefined ? '' : ` ${signed(forgetting.after - forgetting.before)}`;
      return [
        nameOf(side),
        kind,
        parameters === undefined ? NONE : count(parameters),
        peakBytes === undefined ? NONE : formatBytes(peakBytes),
        secondsPerStep === undefined ? NONE : threeDigits(secondsPerStep),
        ...(isRewarded ? [rewards ? `${threeDigits(rewards.mean)}${wordsOf(reward.standing)}` : NONE] : []),
        ...(hasPairs ? [pairCell(line, wordsOf(pairs.standing))] : []),
        ...(metric
          ? [
              `${scoreCell(metric, metricsOf(side, [metric]))}${scored ? ` ${scored}` : ''}${metric.better === 'lower' ? wordsOf(score.standing).replace('highest', 'lowest') : wordsOf(score.standing)}`,
            ]
          : []),
        ...(measured
          ? [
              loss === undefined
                ? NONE
                : `${loss.toFixed(3)}${change}${wordsOf(general).replace('highest', 'lowest')}`,
              right ? `${right.right} of ${right.asked}${wordsOf(prompts)}` : NONE,
              forgetting?.kl?.after === undefined ? NONE : twoDigits(forgetting.kl.after),
            ]
          : []),
      ];
    }),
  );
  const marks = marksInWords(text);
  const isInPart = lines.some(({ side }) => metric && scoredRowsInWords({ side }, metric) !== '');
  const pairsText = hasPairs ? `${pairsInWords(pairsAgainstBase)}\n` : '';
  const partText = isInPart ? `${PART_SCORED}\n` : '';
  return `\n${text}${pairsText}${partText}${marks === '' ? '' : `${marks}\n`}`;
}

const signed = (change: number): string => `${change < 0 ? '−' : '+'}${Math.abs(change).toFixed(3)}`;
