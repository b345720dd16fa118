/** The adapter workshop: a mixture of adapters of the open model that answers before it is kept. */
import type { AdapterInfo } from './adapters.ts';
import type { OnProgress, Outcome } from './outcome.ts';

/** The id by which the mixture is asked, as an adapter of the library is by its own. */
export type MixtureId = 'mixture';

export interface MixtureShare {
  /** The id of an adapter of the library. */
  readonly id: string;
  readonly weight: number;
}

/** A layer that the mixture changes. */
export interface MixtureLayer {
  readonly name: string;
  /** Singular values of the exact ΔW, largest first. */
  readonly singularValues: readonly number[];
  /** Frobenius norm of what the cut of the rank takes, relative to that of ΔW; 0 without a cut. */
  readonly relativeError: number;
}

export interface MixedAdapter {
  /** Its weights and adapters in words, and its rank if that was cut. */
  readonly name: string;
  readonly rank: number;
  readonly parameters: number;
  readonly layers: readonly MixtureLayer[];
}

/** Losses are mean cross-entropy in nats per supervised token, on the same test rows. */
export interface MixtureLoss {
  readonly rows: number;
  /** Supervised tokens. */
  readonly tokens: number;
  readonly base: number;
  readonly mixture: number;
}

export interface WorkshopApi {
  /**
   * Makes the mixture, which then answers as an adapter with the id {@link MixtureId}, in place of an earlier one.
   *
   * @param rank cuts it to the best approximation of this rank; the exact sum if left out
   */
  mixAdapters(
    shares: readonly MixtureShare[],
    rank?: number,
  ): Promise<Outcome<{ readonly mixture: MixedAdapter }>>;
  /** The loss of some test rows with the base and with the mixture. Stopped, it fails with `worker-aborted`. */
  lossOfMixture(
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<Outcome<{ readonly loss: MixtureLoss }>>;
  /** Keeps the mixture as an adapter of the library, which names those that it was mixed from. */
  keepMixture(name: string): Promise<Outcome<{ readonly adapter: AdapterInfo }>>;
}
