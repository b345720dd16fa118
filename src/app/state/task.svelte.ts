/** What the model should do and how one will know: two texts of the person's own, remembered by this browser. */
const KEY = 'graft-task';

export class Task {
  title = $state('');
  success = $state('');

  constructor() {
    try {
      const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? '{}');
      if (typeof kept !== 'object' || kept === null) return;
      if ('title' in kept && typeof kept.title === 'string') this.title = kept.title;
      if ('success' in kept && typeof kept.success === 'string') this.success = kept.success;
    } catch {
      // Storage is refused or holds something else: the task starts empty.
    }
  }

  keep(): void {
    try {
      localStorage.setItem(KEY, JSON.stringify({ title: this.title, success: this.success }));
    } catch {
      // Storage is refused: the texts live as long as the tab.
    }
  }
}
