/** Base plus adapter as one model folder. */
import { prepareMerge } from '../merge-folder.ts';
import type { ExportFormat } from './format.ts';

export const merged: ExportFormat = {
  name: 'merged',
  help: 'base plus adapter as one model folder, as graft merge writes it',
  prepare: async (parts) => (await prepareMerge(parts)).files,
};
