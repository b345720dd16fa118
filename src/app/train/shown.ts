/** What the curve of a run draws: the loss, or what the objective names in its place. */
import type { CurveWords, EvalPoint, StepPoint } from '../../worker/api.ts';

type Drawn = Pick<CurveWords, 'drawn'>;

/** What is drawn, in words. */
interface ShownWords {
  /** As in “training loss”. */
  readonly name: 'loss' | 'reward';
  readonly title: string;
  readonly better: string;
}

const LOSS: ShownWords = { name: 'loss', title: 'Loss', better: 'lower is better' };
const REWARD: ShownWords = { name: 'reward', title: 'Reward', better: 'higher is better' };

/** The words of the curve that a run draws. */
export const curveWords = ({ drawn }: Drawn): ShownWords => (drawn === 'reward' ? REWARD : LOSS);

/** Points with the drawn value in place of their loss; the same list if that is the loss. */
export function shownPoints<Point extends Pick<StepPoint | EvalPoint, 'loss' | 'report'>>(
  points: readonly Point[],
  { drawn }: Drawn,
): readonly Point[] {
  if (drawn === undefined) return points;
  return points.map((point) => ({ ...point, loss: point.report?.[drawn] ?? NaN }));
}
