/** Files that are not in memory: what is read of them, and from where. */
import { beforeAll, afterAll, expect, test, vi } from 'vitest';
import { blobOf, bytesOf, readFrom, SpillBlob } from '../../../src/data/file-content.ts';
import { linesOf } from '../../../src/data/lines.ts';
import { versionOf } from '../../../src/data/options.ts';
import { withHashes } from '../../../src/worker/data/file-hashes.ts';
import { graftError } from '../expect-graft-error.ts';

/** A blob whose bytes can be had at once, which Node has no way for. */
class OpenBlob extends Blob {
  reads = 0;
  constructor(
    readonly content: Buffer,
    readonly whole: { reads: number; isGone: boolean } = { reads: 0, isGone: false },
  ) {
    super([new Uint8Array(content)]);
  }
  override slice(start = 0, end = this.size): OpenBlob {
    return new OpenBlob(this.content.subarray(start, end), this.whole);
  }
}

beforeAll(() => {
  vi.stubGlobal(
    'FileReaderSync',
    class {
      readAsArrayBuffer({ content, whole }: OpenBlob): ArrayBuffer {
        if (whole.isGone) throw new Error('NotReadableError');
        whole.reads++;
        return new Uint8Array(content).buffer;
      }
    },
  );
});
afterAll(() => vi.unstubAllGlobals());

const LINES = Array.from({ length: 30_000 }, (_, at) => `line ${at} ${'ä'.repeat(at % 40)}`);
const TEXT = Buffer.from(LINES.join('\n'));

test('windows at any place are those of the bytes, and rows next to each other cost few reads', () => {
  const blob = new OpenBlob(TEXT);
  const bytes = bytesOf(blob);
  expect(bytes.length).toBe(TEXT.length);
  for (const [start, end] of [
    [0, 10],
    [65_530, 65_540],
    [65_536, 131_072],
    [70_000, 400_000],
    [TEXT.length - 5, TEXT.length],
    [TEXT.length - 5, TEXT.length + 100],
    [200_000, 200_000],
  ])
    expect(Buffer.from(bytes.subarray(start, end)).equals(TEXT.subarray(start, end))).toBe(true);
  expect([...linesOf(bytes)].map(({ text }) => text)).toEqual(LINES);
  const before = blob.whole.reads;
  for (let start = 0; start < 600_000; start += 60) bytes.subarray(start, start + 60);
  expect(blob.whole.reads - before).toBeLessThanOrEqual(10);
});

test('a file that is kept is read from there, and one that is gone is named', async () => {
  const [chosen, kept] = [new OpenBlob(TEXT), new OpenBlob(TEXT)];
  const bytes = bytesOf(chosen);
  readFrom(chosen, kept);
  chosen.whole.isGone = true;
  expect(Buffer.from(bytes.subarray(300_000, 300_010)).equals(TEXT.subarray(300_000, 300_010))).toBe(true);
  kept.whole.isGone = true;
  expect((await graftError(() => bytes.subarray(500_000, 500_010), 'file-gone')).what).toMatch(
    /could not be read/,
  );
});

test('the version of files is the same wherever they are', async () => {
  const file = { name: 'a.jsonl', bytes: new Uint8Array(TEXT) };
  const heldOut = { name: 'b.jsonl', bytes: new Uint8Array(TEXT.subarray(0, 99)) };
  const [told, blobs] = [
    [] as number[],
    {
      file: { ...file, bytes: new Blob([file.bytes]) },
      heldOut,
      more: [{ ...heldOut, bytes: new Blob([heldOut.bytes]) }],
    },
  ];
  const hashed = await withHashes(blobs, (done, total) => {
    told.push(done / total);
    return undefined;
  });
  expect(told.at(-1)).toBe(1);
  const wanted = await versionOf(file, { heldOut, more: [heldOut] });
  expect(await versionOf(hashed.file, hashed)).toBe(wanted);
  expect(await versionOf(blobs.file, blobs)).toBe(wanted);
});

test('rows that are put away come back, and so do pieces', async () => {
  vi.stubGlobal(
    'Blob',
    class extends OpenBlob {
      constructor(parts: readonly (string | OpenBlob | Uint8Array)[]) {
        super(
          Buffer.concat(
            parts.map((part) => (part instanceof OpenBlob ? part.content : Buffer.from(part as string))),
          ),
        );
      }
    },
  );
  const spill = new SpillBlob();
  const places = LINES.slice(0, 500).map((line) => spill.add(line));
  const read = ({ start, length }: (typeof places)[number]): string =>
    Buffer.from(spill.bytes.subarray(start, start + length)).toString();
  expect(places.map(read)).toEqual(LINES.slice(0, 500));
  const later = spill.add('ünd mehr');
  expect([read(later), read(places[7])]).toEqual(['ünd mehr', LINES[7]]);
  const pieces = async function* (): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    for (const piece of ['a', 'bc']) yield Promise.resolve(new Uint8Array(Buffer.from(piece)));
  };
  expect(Buffer.from(bytesOf(await blobOf(pieces())).subarray(0, 3)).toString()).toBe('abc');
});
