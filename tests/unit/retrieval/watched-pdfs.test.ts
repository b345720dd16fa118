/** The thread that reads PDFs, and its end if a file takes too long. */
import { expect, test, vi } from 'vitest';
import { startPdfThread } from '../../../src/cli/pdf-thread.ts';
import { characterMaps } from '../../../src/retrieval/character-maps.ts';
import { servePdfs, watchedPdfs, type StartPdfThread } from '../../../src/retrieval/watched-pdfs.ts';
import { MAPS } from '../../character-maps.ts';
import { graftError } from '../expect-graft-error.ts';
import { endlessPdf, namedFontPdf, packedPdf, tinyPdf } from './tiny-pdf.ts';

/** A thread in this one. */
const here: StartPdfThread = async (hear) => ({ send: servePdfs(hear), end: () => undefined });

test('texts, maps and errors are those of this thread', async () => {
  const read = watchedPdfs(here, MAPS);
  expect(await read(tinyPdf([['One'], ['Two']]), 'a.pdf')).toEqual({ text: 'One\nTwo\n', pages: [0, 4] });
  const japanese = namedFontPdf('90ms-RKSJ-H', 'Japan1', ['8eed82f082dc82ad8142']);
  expect((await read(japanese, 'b.pdf')).text).toBe('種をまく。\n');
  await graftError(() => read(new TextEncoder().encode('no PDF'), 'c.pdf'), 'pdf-damaged');
  const none = watchedPdfs(
    here,
    characterMaps(() => Promise.reject(new Error('offline'))),
  );
  await expect(none(japanese, 'd.pdf')).resolves.toMatchObject({ pages: [0] });
});

test('a PDF whose page never ends is named, and its thread ends', async () => {
  const end = vi.fn();
  const start: StartPdfThread = async (...heard) => {
    const thread = await startPdfThread(...heard);
    end.mockImplementation(() => thread.end());
    return { send: (question) => thread.send(question), end };
  };
  const read = watchedPdfs(start, MAPS, { patience: 500 });
  await expect(read(endlessPdf(), 'bomb.pdf')).rejects.toMatchObject({
    code: 'pdf-slow',
    what: expect.stringMatching(/^Page 1 of bomb\.pdf takes more than 0\.5 s/) as string,
  });
  await vi.waitFor(() => expect(end).toHaveBeenCalledTimes(1));
});

test('a PDF that unpacks to far more than a page is named before it is in memory, and the next one is read', async () => {
  const started = vi.fn(startPdfThread);
  const read = watchedPdfs(started, MAPS);
  const bomb = packedPdf(100 * 2 ** 20, 2);
  expect(bomb.length).toBeLessThan(2000);
  await expect(read(bomb, 'bomb.pdf')).rejects.toMatchObject({
    code: 'document-size',
    what: expect.stringMatching(/^Page 1 of bomb\.pdf unpacks to more than 32 MiB/) as string,
  });
  expect(started).toHaveBeenCalledTimes(1);
  // What is packed twice and no larger than a page is read.
  expect((await read(packedPdf(2 ** 20, 2), 'spaces.pdf')).text).toBe('');
  expect((await read(tinyPdf([['One']]), 'a.pdf')).text).toBe('One\n');
  expect(started).toHaveBeenCalledTimes(2);
});

test('a stop ends the thread in the middle of a file', async () => {
  const end = vi.fn();
  const request = new AbortController();
  const start: StartPdfThread = async () => ({ send: () => request.abort(new Error('stopped')), end });
  const read = watchedPdfs(start, MAPS);
  await expect(read(endlessPdf(), 'bomb.pdf', request.signal)).rejects.toThrow('stopped');
  await expect(read(tinyPdf([['One']]), 'a.pdf', request.signal)).rejects.toThrow('stopped');
  await vi.waitFor(() => expect(end).toHaveBeenCalledTimes(1));
});

test('a file that goes on page by page without end is named', async () => {
  const start: StartPdfThread = async (hear) => {
    let beat: ReturnType<typeof setInterval>;
    return {
      send: () => void (beat = setInterval(() => hear({ kind: 'page' }), 1)),
      end: () => clearInterval(beat),
    };
  };
  const read = watchedPdfs(start, MAPS, { patience: 50 });
  await expect(read(tinyPdf([['One']]), 'long.pdf')).rejects.toMatchObject({
    code: 'pdf-slow',
    what: expect.stringMatching(/^long\.pdf takes more than/) as string,
  });
});

test('a thread that ends by itself names its file, and the next file gets another', async () => {
  let started = 0;
  const start: StartPdfThread = async (hear, fail) => ({
    send: started++ === 0 ? () => fail(new Error('out of memory')) : servePdfs(hear),
    end: () => undefined,
  });
  const read = watchedPdfs(start, MAPS);
  await expect(read(tinyPdf([['One']]), 'a.pdf')).rejects.toMatchObject({
    code: 'pdf-damaged',
    what: 'a.pdf ended the thread that read it: out of memory.',
  });
  expect((await read(tinyPdf([['Two']]), 'b.pdf')).text).toBe('Two\n');
  expect(started).toBe(2);
});

test('a thread that cannot be started is started again for the next file', async () => {
  let started = 0;
  const start: StartPdfThread = (...heard) =>
    started++ === 0 ? Promise.reject(new Error('offline')) : here(...heard);
  const read = watchedPdfs(start, MAPS);
  await expect(read(tinyPdf([['One']]), 'a.pdf')).rejects.toThrow('offline');
  expect((await read(tinyPdf([['Two']]), 'b.pdf')).text).toBe('Two\n');
});
