/** The thread that reads PDFs, and its end if a file takes too long. */
import { expect, test, vi } from 'vitest';
import { startPdfThread } from '../../../src/cli/pdf-thread.ts';
import { characterMaps } from '../../../src/retrieval/character-maps.ts';
import { servePdfs, watchedPdfs, type StartPdfThread } from '../../../src/retrieval/watched-pdfs.ts';
import { MAPS } from '../../character-maps.ts';
import { graftError } from '../expect-graft-error.ts';
import { endlessPdf, namedFontPdf, tinyPdf } from './tiny-pdf.ts';

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
