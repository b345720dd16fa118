/** Scorers and rewards as JSON: the types of what spec.ts and rewards/specs.ts read, and of what a setting of a run may hold. */

/** The value of a setting of a scorer. */
export type ScorerValue = number | string | boolean;

/** The name of a scorer as JSON, and settings by their names. */
export interface ScorerSpec {
  readonly name: string;
  /** The name under which its scores are listed. */
  readonly as?: string;
  readonly [setting: string]: ScorerValue | undefined;
}

/** A reward of a run as JSON: the name of a scorer, a weight, and settings of this reward by their names. */
export interface RewardSpec extends ScorerSpec {
  /** The weight of its score in the sum; 1 if left out, and 0 to show it only. */
  readonly weight?: number;
}
