/** What an export format is: a folder that is made of an adapter and its base. Each has a file of its own here and a line in registry.ts. */
import type { FolderFile } from '../folder-sink.ts';
import type { Parts } from '../merge-folder.ts';

export interface ExportFormat {
  /** As `--format` names it. */
  readonly name: string;
  /** One line for the help of the command. */
  readonly help: string;
  /**
   * The files of the folder, in the order in which they are written.
   *
   * @throws GraftError `adapter-…` where the adapter does not fit the base, `export-format` where the format cannot express it
   */
  readonly prepare: (parts: Parts) => Promise<readonly FolderFile[]>;
}

export function wholeFile(name: string, bytes: Uint8Array): FolderFile {
  return {
    name,
    size: bytes.byteLength,
    async *read() {
      yield bytes;
    },
  };
}
