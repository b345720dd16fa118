/** Files of rows in zips and on the hub, as the page asks for them. */
import { columnNames } from '../../data/row-columns.ts';
import { examplesOf, hasExample } from '../../data/row-set.ts';
import { rowDownloadStore } from '../../storage/models.ts';
import type { RowFilesApi, TakenFile } from '../api/row-files.ts';
import type { DataSet } from './data.ts';
import { chosenHub, inOneTab, stopped, whileAllowed } from '../models/download-api.ts';
import { describeOffer } from '../models/downloads.ts';
import { listener, outcome } from '../outcome.ts';
import { RowDownloads } from './row-downloads.ts';
import { following } from '../stopping.ts';

/** Downloads of files of rows from the hub that the person chose. */
export const makeRowDownloads = (): RowDownloads =>
  new RowDownloads({ store: rowDownloadStore, hub: chosenHub, alone: inOneTab });

/** @param openRows the open rows, or an error without any */
export function rowFilesApi(downloads: RowDownloads, openRows: () => DataSet): RowFilesApi {
  /** Most people never open a zip. */
  const openZip = async (zip: File) => (await import('../../data/zip-rows.ts')).RowsZip.open(zip.name, zip);
  return {
    writeRows: ({ format, form, part }) =>
      outcome(async () => {
        const { name, entries, options } = openRows();
        const written = entries.filter(
          (entry) =>
            hasExample(entry) && entry.state !== 'bad' && (part === undefined || entry.part === part),
        );
        const examples = examplesOf(written);
        const { partColumnFor, writeRows } = await import('../../data/write-rows.ts');
        const column =
          part === undefined ? partColumnFor(options?.fair?.parts, columnNames(written)) : undefined;
        const parts =
          column === undefined ? undefined : { name: column, partOf: (row: number) => written[row].part };
        // The browser may put a blob on disk, and text waits in memory.
        const pieces: Blob[] = [];
        for (const piece of writeRows(examples, format, form, parts)) pieces.push(new Blob([piece]));
        const file = new Blob(pieces);
        const stem = name.replace(/\.\w+$/, '').replaceAll(/[^\p{L}\p{N}._-]+/gu, '-');
        const fileName = `${stem}${part === undefined ? '' : `-${part}`}.${format}`;
        return { fileName, file, rows: examples.length };
      }),
    listZip: (zip) =>
      outcome(async () => {
        const { files, refused, others } = await openZip(zip);
        return { files, refused, others };
      }),
    readZip: (zip, paths) =>
      outcome(async () => {
        const open = await openZip(zip);
        const files: TakenFile[] = [];
        for (const name of paths) files.push({ name, bytes: await open.content(name) });
        return { files };
      }),
    findRows: (asked, access, signal) =>
      outcome(async () => {
        const controller = following(signal, stopped);
        const offer = await whileAllowed(asked, controller, () =>
          downloads.find(asked, access, controller.signal),
        );
        return { offer: describeOffer(offer) };
      }),
    downloadRows: (source, chosen, access, onStatus) =>
      outcome(async () => {
        const controller = new AbortController();
        const files = await whileAllowed(source, controller, () =>
          downloads.download(source, chosen, access, listener(onStatus), controller),
        );
        return files ? { files } : {};
      }),
    pauseRows: async (source) => downloads.pause(source),
    dropRows: (source) =>
      outcome(async () => {
        await downloads.drop(source);
        return {};
      }),
    listPartialRows: () => outcome(async () => ({ partials: await downloads.list() })),
  };
}
