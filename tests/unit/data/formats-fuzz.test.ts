/** Files of any content: rows, problems by line, or a clear error; good rows are kept. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readExamples, type ReadResult } from '../../../src/data/formats.ts';
import { resultOrGraftError } from '../expect-graft-error.ts';

const read = (content: Uint8Array | string, fileName = 'x.jsonl'): ReadResult =>
  readExamples(content, { fileName });

describe('a file of anything', () => {
  const file = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.string({ unit: 'binary' }),
    fc
      .array(
        fc.oneof(
          fc.json(),
          fc.string(),
          fc.constantFrom(
            '{"text":"a"}',
            '{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}',
          ),
        ),
      )
      .map((lines) => lines.join('\n')),
    fc.jsonValue().map((value) => JSON.stringify(value)),
    fc
      .array(
        fc.constantFrom('[', ']', '{', '}', '"', ',', ':', '\\', 'a', '"data"', '1', '\n', '{"text":"a"}'),
      )
      .map((parts) => parts.join('')),
    fc
      .dictionary(
        fc.constantFrom(
          'messages',
          'conversations',
          'prompt',
          'completion',
          'instruction',
          'output',
          'text',
          'ids',
          'labels',
        ),
        fc.jsonValue(),
      )
      .map((row) => JSON.stringify(row)),
  );

  it('ends in rows, problems or a GraftError, and each row is accounted for', async () => {
    const seen = { result: 0, error: 0 };
    await fc.assert(
      fc.asyncProperty(
        file,
        fc.constantFrom('x.jsonl', 'x.json', 'x.txt', 'x'),
        async (content, fileName) => {
          seen[
            await resultOrGraftError(() => {
              const { examples, problems, problemCount, numbering } = read(content, fileName);
              const lines = (typeof content === 'string' ? content : new TextDecoder().decode(content)).split(
                '\n',
              ).length;
              const most = numbering === 'line' ? lines : examples.length + problemCount;
              for (const { line } of [...examples, ...problems]) expect(line >= 1 && line <= most).toBe(true);
              expect(problems).toHaveLength(problemCount);
              if (fileName === 'x.jsonl' && typeof content === 'string') {
                const filled = content
                  .replace(/^\uFEFF/, '')
                  .split('\n')
                  .filter((line) => line.trim() !== '').length;
                expect(examples.length + problemCount).toBe(filled);
              }
            })
          ]++;
        },
      ),
      { numRuns: 5000 },
    );
    expect(seen.result).toBeGreaterThan(1000);
    expect(seen.error).toBeGreaterThan(100);
  });

  it('good rows survive between any bad ones', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.option(
            fc.string({ unit: 'grapheme' }).filter((text) => text.trim() !== ''),
            { nil: undefined },
          ),
        ),
        (texts) => {
          const lines = texts.map((value) =>
            value === undefined ? '{"text":' : JSON.stringify({ text: value }),
          );
          const good = texts.filter((value) => value !== undefined);
          const { examples, problems } = read(new TextEncoder().encode(lines.join('\n') || ' '));
          expect(examples.map((example) => example.kind === 'text' && example.text)).toEqual(good);
          expect(problems).toHaveLength(texts.length - good.length);
        },
      ),
      { numRuns: 500 },
    );
  });
});
