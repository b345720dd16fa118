/** A measurement as files to take along. */
import type { AboutReport } from '../../evaluate/report-page.ts';
import type { Evaluation } from '../../worker/api.ts';
import { saveFile } from '../ui/save.ts';

/**
 * Gives a record as a zip: the report as a page and for other tools, its predictions, and the record itself, as the command writes them.
 *
 * @param adapters how they were made
 */
export async function exportReport(record: Evaluation, adapters: AboutReport['adapters']): Promise<void> {
  const [{ pageReportFiles }, { strToU8, zipSync }] = await Promise.all([
    import('../../evaluate/report-files.ts'),
    import('fflate'),
  ]);
  const files = Object.entries(pageReportFiles(record, adapters));
  const zip = zipSync(Object.fromEntries(files.map(([name, text]) => [name, strToU8(text)])));
  saveFile('evaluation.zip', new Blob([new Uint8Array(zip)], { type: 'application/zip' }));
}
