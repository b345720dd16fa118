/** Rows that are divided again after a change by hand: only what changed is made and counted again. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { divideOpen, openData } from '../../../src/data/open-data.ts';
import type { DataFile, DataOptions } from '../../../src/data/options.ts';
import { changesAfter, type ChangedRow, type RowChanges } from '../../../src/data/row-changes.ts';
import type { RowSet } from '../../../src/data/row-set.ts';
import { Slices } from '../../../src/worker/slices.ts';
import { openSprig } from '../worker/open-sprig.ts';

const model = await openSprig();
const OPTIONS: DataOptions = { maxLength: 48, overlong: 'drop', validation: 0.2, test: 0.2, seed: 1 };
const slices = (): Slices => new Slices(() => undefined, new AbortController().signal);
const file = (name: string, rows: readonly object[]): DataFile => ({
  name,
  bytes: new TextEncoder().encode(rows.map((row) => JSON.stringify(row)).join('\n')),
});
/** Texts that come up again, so that rows repeat and leak. */
const row = (i: number): object => ({ prompt: `Say ${i % 7}`, completion: `yes ${i % 3}`, day: `day ${i}` });
const long = { prompt: 'word '.repeat(99), completion: 'x' };
const bad = { prompt: 7 };
const rows = file('rows.jsonl', [...Array.from({ length: 12 }, (_, i) => row(i)), long, bad, row(3)]);
const more = [file('more.jsonl', [row(1), { ...row(20), other: 'x' }, row(5)])];
const heldOut = file('test.jsonl', [row(2), row(9), row(30)]);

const OPENED = await Promise.all(
  [OPTIONS, { ...OPTIONS, skip: [[2, 5]] }, { ...OPTIONS, dropCopies: true }].flatMap((options) =>
    [{}, { more }, { heldOut, more }].map((others) => openData(model, rows, options, others, slices())),
  ),
);

/** What happens to the row at a place of the list, or to the history. */
interface Step {
  readonly kind: 'write' | 'long' | 'move' | 'delete' | 'restore' | 'add' | 'back' | 'many' | 'skip';
  readonly at: number;
  readonly text: number;
}
const STEP = fc.record<Step>({
  kind: fc.constantFrom('write', 'long', 'move', 'delete', 'restore', 'add', 'back', 'many', 'skip'),
  at: fc.nat(30),
  text: fc.nat(8),
});

/** Some are longer than all other rows that fit. */
const content = (text: number): ChangedRow['content'] => ({
  ...{
    kind: 'completion',
    prompt: `Say ${text}${' x'.repeat(text === 8 ? 9 : 0)}`,
    completion: `yes ${text % 3}`,
  },
});

/** The rows of a step of the history. */
function changedBy({ entries, changes }: RowSet, { kind, at, text }: Step, line: number): ChangedRow[] {
  const entry = entries[at % entries.length];
  const place = { file: entry.file, line: entry.line };
  const known: ChangedRow = changes?.get(`${entry.file}:${entry.line}`) ?? place;
  const part = (['train', 'validation', 'test'] as const)[text % 3];
  if (!entry.example) return [];
  switch (kind) {
    case 'write':
      return [{ ...known, content: content(text) }];
    case 'long':
      return [{ ...known, content: { kind: 'completion', prompt: 'word '.repeat(99), completion: 'x' } }];
    case 'move':
      return [{ ...known, part }];
    case 'delete':
      return [{ ...known, deleted: true }];
    case 'restore':
      return known.after === undefined ? [place] : [];
    case 'add':
      return [{ file: entry.file, line, after: entry.line, content: content(text), part }];
    default:
      return [0, 5, 9].flatMap((offset) =>
        changedBy({ entries, changes } as RowSet, { kind: 'write', at: at + offset, text }, line),
      );
  }
}

/** Leaves the row at a place of the list out, or brings it back. */
function skipAfter({ entries }: RowSet, { skip = [] }: DataOptions, at: number): number[][] {
  const { file, line } = entries[at % entries.length];
  return Array.from({ length: Math.max(skip.length, file + 1) }, (_, one) => {
    const lines = skip.at(one) ?? [];
    if (one !== file) return [...lines];
    return lines.includes(line) ? lines.filter((other) => other !== line) : [...lines, line];
  });
}

async function divided(from: RowSet, changes: RowChanges, before?: RowSet, options = from.options!) {
  const { name, files = [] } = from;
  const opened = await divideOpen(model, { name, files, options }, slices(), changes, before).catch(
    (error: unknown) => ({ error }),
  );
  return 'error' in opened
    ? opened
    : { ...opened, order: [[...opened.data.repeated], [...opened.data.leaked]] };
}

test('gives the rows and the summary that dividing all of them gives, after any changes', async () => {
  const steps = fc.array(STEP, { minLength: 1, maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(fc.nat(OPENED.length - 1), steps, async (which, all) => {
      const opened = OPENED[which].data;
      let data: RowSet = opened;
      const past: RowChanges[] = [new Map()];
      let options = opened.options!;
      for (const [at, step] of all.entries()) {
        const last = past[past.length - 1];
        const leavesOut = step.kind === 'skip';
        const asked = leavesOut ? { ...options, skip: skipAfter(data, options, step.at) } : options;
        const changed = step.kind === 'back' || leavesOut ? [] : changedBy(data, step, 100 + at);
        const changes =
          step.kind === 'back' ? past[step.at % past.length] : changesAfter(last, [{ rows: changed }]);
        const whole = await divided(opened, changes, undefined, asked);
        const again = await divided(opened, changes, data, asked);
        expect(again).toEqual(whole);
        if ('error' in again) continue;
        options = asked;
        past.push(changes);
        data = again.data;
      }
    }),
    { numRuns: 60, seed: 7 },
  );
});

test('leaves every other row as it is when one is changed, added, deleted and brought back', async () => {
  const { data } = OPENED[2];
  const edited = changesAfter(new Map(), [{ rows: [{ file: 0, line: 3, content: content(8) }] }]);
  const added = changesAfter(edited, [
    { rows: [{ file: 2, line: 100, after: 1, content: content(4), part: 'train' }] },
  ]);
  const deleted = changesAfter(added, [{ rows: [{ file: 0, line: 6, deleted: true }] }]);
  let before: RowSet = data;
  for (const [changes, most] of [
    [edited, 1],
    [added, 1],
    [deleted, 0],
    [added, 1],
    [edited, 0],
    [new Map(), 1],
  ] as const) {
    const now = await divided(data, changes, before);
    if ('error' in now) throw now.error;
    const known = new Set(before.entries);
    expect(now.data.entries.filter((entry) => !known.has(entry))).toHaveLength(most);
    before = now.data;
  }
  for (const skip of [[[6]], [[6], [], [2]], []]) {
    const now = await divided(data, new Map(), before, { ...data.options!, skip });
    if ('error' in now) throw now.error;
    const known = new Set(before.entries);
    // From the first to the last that is left out or comes back.
    expect(now.data.entries.filter((entry) => !known.has(entry)).length).toBeLessThan(12);
    expect(now.data.entries.filter(({ state }) => state === 'skipped')).toHaveLength(skip.flat().length);
    before = now.data;
  }
  expect(before.entries).toEqual(data.entries);
});
