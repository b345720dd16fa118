/** The median of a list of numbers. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

/**
 * Times contestants in turn, so that other work of the machine affects all of them alike.
 *
 * @param {{ name: string, run: () => Promise<void> }[]} contestants each run ends when its work on the GPU has ended
 * @returns median, fastest and all milliseconds, by name
 */
export async function interleave(contestants, { warmUps, runs }) {
  const times = new Map(contestants.map(({ name }) => [name, []]));
  for (let i = 0; i < warmUps; i++) for (const { run } of contestants) await run();
  for (let i = 0; i < runs; i++) {
    for (const { name, run } of contestants) {
      const start = performance.now();
      await run();
      times.get(name).push(performance.now() - start);
    }
  }
  return Object.fromEntries(
    [...times].map(([name, ms]) => [name, { median: median(ms), fastest: Math.min(...ms), ms }]),
  );
}

/** Seeded numbers in [-0.5, 0.5). */
export function numbers(count, seed) {
  let state = seed >>> 0;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 4294967296 - 0.5;
  });
}
