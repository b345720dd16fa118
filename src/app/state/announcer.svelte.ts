/** What a screen reader hears without asking: milestones, one at a time. */
export class Announcer {
  message = $state('');

  say(message: string): void {
    this.message = message;
  }
}
