/** Files of rows as a picker takes them. */
import { ROW_ENDINGS } from '../../data/row-endings.ts';

/** For the `accept` of a picker of one file. */
export const ROW_FILES = ROW_ENDINGS.join(',');
/** For the `accept` of a picker of one file, or of a zip of several. */
export const ROW_FILES_OR_ZIP = `${ROW_FILES},.zip`;
