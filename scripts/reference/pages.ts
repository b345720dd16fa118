/** The generated pages of docs/reference, by their file names. */
import { commandsPage } from './commands.ts';
import { errorsPage } from './errors.ts';
import { exportsPage } from './exports.ts';
import { findingsPage } from './findings.ts';
import { modelsPage } from './models.ts';
import { oddFilesPage } from './odd-files.ts';
import { scorersPage } from './scorers.ts';
import { settingsPage } from './settings.ts';

export async function referencePages(): Promise<Readonly<Record<string, string>>> {
  return {
    'commands.md': commandsPage(),
    'errors.md': errorsPage(),
    'exports.md': await exportsPage(),
    'findings.md': findingsPage(),
    'models.md': modelsPage(),
    'odd-files.md': await oddFilesPage(),
    'scorers.md': scorersPage(),
    'settings.md': settingsPage(),
  };
}
