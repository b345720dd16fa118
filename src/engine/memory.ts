/**
 * Where transient storages lie. A storage lives from the first command that names it to the last; storages that do not live at the
 * same time share a slot, and each slot becomes one piece of memory (one for all is not possible on a GPU: WebGPU forbids a buffer that is
 * read-only and writable in one dispatch even at different offsets).
 *
 * Greedy by size, as in "Efficient Memory Management for Deep Neural Net Inference" (Pisarchyk and Lee, 2020).
 */
import type { Command } from './lowering.ts';
import type { Storage } from './tensor.ts';

export interface SlotPlan {
  /** Bytes of each slot. */
  readonly slots: readonly number[];
  readonly slotOf: ReadonlyMap<Storage, number>;
  /** Sum of the slots. */
  readonly transientBytes: number;
  /** The most that is alive at any command: no assignment can need less. */
  readonly minimumBytes: number;
}

interface Life {
  storage: Storage;
  first: number;
  last: number;
}

/** Assigns a slot to every transient storage that `commands` name. */
export function planSlots(commands: readonly Command[]): SlotPlan {
  const lives = new Map<Storage, Life>();
  commands.forEach(({ operands }, index) => {
    for (const { storage } of operands) {
      if (storage.kind !== 'transient') continue;
      const life = lives.get(storage);
      if (life) life.last = index;
      else lives.set(storage, { storage, first: index, last: index });
    }
  });

  // Slots are made in descending order of size.
  const slots: { bytes: number; lives: Life[] }[] = [];
  const slotOf = new Map<Storage, number>();
  // A stable order: equal sizes by first use, so that the same tape always gets the same plan.
  const bySize = [...lives.values()].sort((a, b) => b.storage.bytes - a.storage.bytes || a.first - b.first);
  for (const life of bySize) {
    let index = slots.length - 1;
    let place: number | undefined;
    for (; index >= 0; index--) {
      place = placeOf(life, slots[index].lives);
      if (place !== undefined) break;
    }
    if (index < 0) index = slots.push({ bytes: life.storage.bytes, lives: [] }) - 1;
    slots[index].lives.splice(place ?? 0, 0, life);
    slotOf.set(life.storage, index);
  }

  return {
    slots: slots.map((slot) => slot.bytes),
    slotOf,
    transientBytes: slots.reduce((sum, slot) => sum + slot.bytes, 0),
    minimumBytes: mostAlive([...lives.values()], commands.length),
  };
}

/** Where a lifetime fits between others, or undefined if it overlaps one of them. */
function placeOf({ first, last }: Life, lives: readonly Life[]): number | undefined {
  let low = 0;
  let high = lives.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (lives[middle].first < first) low = middle + 1;
    else high = middle;
  }
  const before = lives[low - 1] as Life | undefined;
  const after = lives[low] as Life | undefined;
  return (before && before.last >= first) || (after && after.first <= last) ? undefined : low;
}

function mostAlive(lives: readonly Life[], count: number): number {
  const change = new Float64Array(count + 1);
  for (const { storage, first, last } of lives) {
    change[first] += storage.bytes;
    change[last + 1] -= storage.bytes;
  }
  let alive = 0;
  let max = 0;
  for (const bytes of change) {
    alive += bytes;
    max = Math.max(max, alive);
  }
  return max;
}

/**
 * Drops commands whose results are never read: a checkpointed layer's second forward, for example, makes an output that the
 * backward does not need.
 */
export function dropDead<C extends Command>(commands: readonly C[]): C[] {
  const needed = new Set<Storage>();
  const kept: C[] = [];
  for (let index = commands.length - 1; index >= 0; index--) {
    const command = commands[index];
    if (!command.writes.some((storage) => storage.kind !== 'transient' || needed.has(storage))) continue;
    for (const { storage } of command.operands) needed.add(storage);
    kept.push(command);
  }
  return kept.reverse();
}
