/** A forward in segments, cut at the borders of its layers: what comes before them, each layer, and what comes after them. */
import type { Tensor } from '../engine/tensor.ts';
import type { ForwardGraph } from './forward-graph.ts';

export interface Segment {
  /** 0 is what comes before the layers, i is layer i − 1, and one more than the number of layers is the rest. */
  readonly at: number;
  /** The hidden states that enter it; none enter the first. */
  readonly input?: Tensor;
}

/** Stands for what another segment computes. */
const ELSEWHERE = {} as Tensor;

/**
 * Records one segment: calls of other segments record nothing.
 *
 * @param layers of the model
 * @param forward of a family
 * @returns the hidden states that leave the segment
 * @throws Error if the family computes something between its layers
 */
export function recordSegment(
  graph: ForwardGraph<Tensor>,
  layers: number,
  { at, input }: Segment,
  forward: (graph: ForwardGraph<Tensor>) => Tensor,
): Tensor {
  let passed = 0;
  let isInside = false;
  let left: Tensor | undefined;
  const layer = (h: Tensor, compute: (input: Tensor) => Tensor): Tensor => {
    if (passed === 0 && at === 0) left = h;
    if (++passed !== at) return passed === layers && at > layers ? input! : ELSEWHERE;
    isInside = true;
    left = graph.layer(input!, compute);
    isInside = false;
    return left;
  };
  const call = (name: keyof ForwardGraph<Tensor>, args: readonly unknown[]): unknown => {
    if (passed > 0 && passed < layers && !isInside) throw new Error(`${name} lies between layers`);
    const isHere = isInside || (passed === 0 ? at === 0 : at > layers);
    return isHere ? (graph[name] as (...all: unknown[]) => unknown).apply(graph, [...args]) : ELSEWHERE;
  };
  const part = new Proxy(graph, {
    get: (_, name) =>
      name === 'layer'
        ? layer
        : (...args: readonly unknown[]) => call(name as keyof ForwardGraph<Tensor>, args),
  });
  const result = forward(part);
  return at > layers ? result : left!;
}
