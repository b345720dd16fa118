/**
 * Everything that Graft keeps, or one project of it, as one zip. Text is JSON; binary data is stored next to it unchanged, so an adapter is a PEFT
 * folder and a model a model folder.
 *
 *   graft.json                                 what this is
 *   settings.json                              missing if the zip has one project alone
 *   projects/ID/project.json
 *   projects/ID/base.json                      which base model it needs; missing from older files
 *   projects/ID/data/VERSION/data.json         and its files, numbered
 *   projects/ID/data/VERSION/steps.json        since 4, if rows were changed
 *   projects/ID/runs/ID/run.json               and rows.json, checkpoint.json, checkpoint/FILE
 *   projects/ID/adapters/ID/adapter.json       and the files of a PEFT folder
 *   projects/ID/results/KIND.json              since 2
 *   projects/ID/feedback/ID.json               since 3
 *   projects/ID/documents/index.json           since 5, if there are documents: how they are searched
 *   projects/ID/documents/NUMBER/document.json its text and chunks; and vectors, f32
 *   projects/ID/sweeps/ID.json                 since 6
 *   models/NUMBER/model.json                   and files/FILE
 */
import * as v from 'valibot';
import { wholeNumber, number } from './records/values.ts';

export { AdapterFile } from './records/adapter.ts';
export { DataSetFile, RowsFile } from './records/data.ts';
export { StepsFile } from './records/steps.ts';
export { DocumentFile, DocumentIndexFile } from './records/documents.ts';
export { FeedbackFile } from './records/feedback.ts';
export { BaseFile, ModelFile, ProjectFile } from './records/project.ts';
export { ResultFile } from './records/result.ts';
export { CheckpointFile, RunFile } from './records/run.ts';
export { SweepFile } from './records/sweep.ts';

export const ARCHIVE_FORMAT = 'graft-archive';
/** The version of this layout. A reader takes its own and older ones. */
export const VERSION = 6;

export const ManifestFile = v.object({
  format: v.literal(ARCHIVE_FORMAT),
  version: wholeNumber,
  created: number,
});

/** A path without the name at its end. */
export function archiveFolder(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1);
}
