/** Files out of a drop, with everything in dropped folders. */

/** Where dropped files lay: unlike chosen ones, they do not say so themselves. */
const dropped = new WeakMap<File, string>();

const pathOf = (file: File): string => file.webkitRelativePath || (dropped.get(file) ?? '');

/** The folder that a file was chosen or dropped with; empty for a single file. */
export function folderFiles(file: File): string {
  const path = pathOf(file);
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : '';
}

async function filesOf(entry: FileSystemEntry): Promise<File[]> {
  if (entry.isFile) {
    return new Promise((resolve, reject) =>
      (entry as FileSystemFileEntry).file((file) => {
        dropped.set(file, entry.fullPath.replace(/^\//, ''));
        resolve([file]);
      }, reject),
    );
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const files: File[] = [];
  // A reader answers in portions, and with an empty one at the end.
  for (;;) {
    const portion = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (portion.length === 0) return files;
    for (const child of portion) files.push(...(await filesOf(child)));
  }
}

/** A file with its path from the chosen or dropped folder on. */
export interface FileWithPath {
  readonly path: string;
  readonly file: File;
}

/** Chosen files with their paths. */
export const withPaths = (files: Iterable<File>): FileWithPath[] =>
  [...files].map((file) => ({ path: pathOf(file) || file.name, file }));

/** Everything that was dropped, with all files of dropped folders. */
export async function droppedWithPaths(transfer: DataTransfer): Promise<FileWithPath[]> {
  return withPaths((await everyFile(transfer)).files);
}

/** Everything in a dropped folder. Where files share a name, the least deep one is taken: only names go to the worker. */
export async function droppedFiles(transfer: DataTransfer): Promise<File[]> {
  const { files, folders } = await everyFile(transfer);
  if (!folders) return files;
  const depth = (file: File): number => pathOf(file).split('/').length;
  const found = files.sort((a, b) => depth(b) - depth(a));
  return [...new Map(found.map((file) => [file.name, file])).values()];
}

/** @returns the files, and whether there are folders among what was dropped */
async function everyFile(transfer: DataTransfer): Promise<{ files: File[]; folders: boolean }> {
  // Entries must be taken before the first await: the list is emptied after the event.
  const entries = [...transfer.items]
    .map((item) => item.webkitGetAsEntry())
    .filter((entry) => entry !== null);
  const files = [...transfer.files];
  if (!entries.some(({ isDirectory }) => isDirectory)) return { files, folders: false };
  return { files: (await Promise.all(entries.map(filesOf))).flat(), folders: true };
}

/** Whether files are dragged, and not a text from one field to another. */
export const bringsFiles = ({ dataTransfer }: DragEvent): boolean =>
  dataTransfer?.types.includes('Files') ?? false;

/** An attachment: what is dropped on the element. While something hovers over it, it carries `data-over`. */
export const dropTarget = (onFiles: (files: File[]) => void): Attachment =>
  dropsTo((transfer) => void droppedFiles(transfer).then(onFiles));

/** The same with the paths of files in dropped folders. */
export const folderTarget = (onFiles: (files: FileWithPath[]) => void): Attachment =>
  dropsTo((transfer) => void droppedWithPaths(transfer).then(onFiles));

type Attachment = (node: HTMLElement) => () => void;

function dropsTo(onDrop: (transfer: DataTransfer) => void): Attachment {
  return (node) => {
    const over = (event: DragEvent): void => {
      event.preventDefault();
      node.dataset['over'] = '';
    };
    const leave = (): void => {
      delete node.dataset['over'];
    };
    const drop = (event: DragEvent): void => {
      event.preventDefault();
      leave();
      if (event.dataTransfer) onDrop(event.dataTransfer);
    };
    node.addEventListener('dragover', over);
    node.addEventListener('dragleave', leave);
    node.addEventListener('drop', drop);
    return () => {
      node.removeEventListener('dragover', over);
      node.removeEventListener('dragleave', leave);
      node.removeEventListener('drop', drop);
    };
  };
}
