/** Arithmetic on vectors in float64, of which the decompositions are made. */
/** The dot product. Four independent sums, so that none waits for another. */
export function dot(a: Float64Array, b: Float64Array): number {
  let [s, t, u, v] = [0, 0, 0, 0];
  let i = 0;
  for (; i + 3 < a.length; i += 4) {
    s += a[i] * b[i];
    t += a[i + 1] * b[i + 1];
    u += a[i + 2] * b[i + 2];
    v += a[i + 3] * b[i + 3];
  }
  for (; i < a.length; i++) s += a[i] * b[i];
  return s + t + (u + v);
}

/** Adds factor · row to the target. */
export function addScaled(target: Float64Array, row: Float64Array, factor: number): void {
  for (let i = 0; i < target.length; i++) target[i] += factor * row[i];
}

/** Turns two vectors in their plane, by an angle of which c is the cosine and s the sine. */
export function turn(first: Float64Array, second: Float64Array, c: number, s: number): void {
  for (let k = 0; k < first.length; k++) {
    const x = first[k];
    const y = second[k];
    first[k] = c * x - s * y;
    second[k] = s * x + c * y;
  }
}
