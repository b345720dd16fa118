/** The generated pages of docs/reference, by their file names. */
import { commandsPage } from './commands.ts';
import { errorsPage } from './errors.ts';
import { findingsPage } from './findings.ts';
import { modelsPage } from './models.ts';
import { scorersPage } from './scorers.ts';
import { settingsPage } from './settings.ts';

export function referencePages(): Readonly<Record<string, string>> {
  return {
    'commands.md': commandsPage(),
    'errors.md': errorsPage(),
    'findings.md': findingsPage(),
    'models.md': modelsPage(),
    'scorers.md': scorersPage(),
    'settings.md': settingsPage(),
  };
}
