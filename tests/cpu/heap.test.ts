import { expect, test } from 'vitest';
import { Heap, FIRST_BYTES, type HeapPiece } from '../../src/engine/cpu/heap.ts';
import { Random } from '../../src/random.ts';
import { graftError } from '../unit/expect-graft-error.ts';

test('pieces never overlap, and freed memory is reused', () => {
  const heap = new Heap(false);
  const random = new Random(5);
  const pieces: HeapPiece[] = [];
  for (let i = 0; i < 3000; i++) {
    if (pieces.length > 40 || (pieces.length > 0 && random.float() < 0.4)) {
      const [piece] = pieces.splice(Math.floor(random.float() * pieces.length), 1);
      heap.give(piece);
      continue;
    }
    const piece = heap.take(64 * (1 + Math.floor(random.float() * 64)), 'piece');
    expect(piece.address % 64).toBe(0);
    expect(piece.address).toBeGreaterThanOrEqual(FIRST_BYTES);
    for (const { address, size } of pieces)
      expect(piece.address + piece.size <= address || address + size <= piece.address).toBe(true);
    pieces.push(piece);
  }
  // At most 41 pieces of 4 KiB are alive at once: gaps cost some, but not much.
  expect(heap.memory.buffer.byteLength).toBeLessThan(2 * 41 * 4096 + 2 * 65536);
  for (const piece of pieces) heap.give(piece);
  const all = heap.take(64, 'again');
  expect(all.address).toBe(FIRST_BYTES);
});

test('more than 4 GiB are refused with what would help', async () => {
  const heap = new Heap(true);
  heap.take(2 ** 31, 'first half');
  const error = await graftError(() => heap.take(2 ** 31, 'second half'), 'engine-out-of-memory');
  expect(error.what).toMatch(/second half needs .* 4 GiB at most/);
  expect(error.remedy).toMatch(/smaller batch/);
  expect(heap.take(2 ** 20, 'what fits').size).toBe(2 ** 20);
});
