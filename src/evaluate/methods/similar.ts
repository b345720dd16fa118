/** The training rows that mean most nearly what a question means: by the cosine of an encoder's vectors. */
import type { EncoderPort } from './method.ts';

/**
 * Finds the known texts that are nearest to another one. Vectors are made once.
 *
 * @param known at least one
 * @param asked texts that will be asked for: their vectors are made together
 * @returns gives as many indices as are wanted, the nearest first and the first of equals before others
 * @throws what the encoder throws, and the signal's reason
 */
export async function similarFirst(
  encoder: EncoderPort,
  known: readonly string[],
  asked: readonly string[],
  signal: AbortSignal,
): Promise<(text: string, many: number) => Promise<number[]>> {
  const vectors = new Map<string, Float32Array>();
  const make = async (texts: readonly string[]): Promise<void> => {
    const missing = [...new Set(texts)].filter((text) => !vectors.has(text));
    if (missing.length === 0) return;
    const made = await encoder.embed(missing, signal);
    const size = made.length / missing.length;
    missing.forEach((text, at) => vectors.set(text, unit(made.subarray(at * size, (at + 1) * size))));
  };
  await make([...known, ...asked]);
  return async (text, many) => {
    await make([text]);
    const own = vectors.get(text)!;
    const scores = known.map((one) => dot(own, vectors.get(one)!));
    return [...scores.keys()].sort((a, b) => scores[b] - scores[a] || a - b).slice(0, many);
  };
}

/** With the length 1, unless it is nothing. */
function unit(vector: Float32Array): Float32Array {
  const length = Math.sqrt(dot(vector, vector));
  return length === 0 ? vector : vector.map((value) => value / length);
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let at = 0; at < a.length; at++) sum += a[at] * b[at];
  return sum;
}
