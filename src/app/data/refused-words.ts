/** A change of rows that was refused, as a button names it. */
import type { RowsEdit } from '../../worker/api.ts';

const WORDS: Readonly<Record<RowsEdit['kind'], string>> = {
  write: 'keep the text',
  move: 'move the row',
  delete: 'delete the row',
  add: 'add the row',
  restore: 'restore the row',
  replace: 'replace',
};

/** Delete the row, in the words of a sentence. */
export const refusedWords = (edit: RowsEdit | undefined): string => (edit ? WORDS[edit.kind] : 'change it');
