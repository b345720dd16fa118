/** What a screen reader hears without asking: milestones, in order. As a log, so that two at once are both heard. */
interface Announcement {
  readonly id: number;
  readonly text: string;
}

/** Older messages were heard long ago. */
const KEPT = 6;

export class Announcer {
  log = $state.raw<readonly Announcement[]>([]);
  #count = 0;

  say(text: string): void {
    this.log = [...this.log.slice(1 - KEPT), { id: this.#count++, text }];
  }
}
