/** Changes of rows by hand on the page: the row that is being written, and what the worker made of each change. */
import { emptyLike, withField, type Written } from '../../data/edit-fields.ts';
import type { ExampleContent, Failure, RowsEdit, WritableRow } from '../../worker/api.ts';
import { ofProject } from '../state/of-studio.svelte.ts';
import type { Studio } from '../state/studio.svelte.ts';

/** A text that is being written is kept when a person pauses for so long. */
const PAUSE_MS = 800;

class Editing {
  /** Whether the row in view is shown as texts that can be written. */
  open = $state(false);
  /** The row in view, as the worker has it. */
  row = $state.raw<WritableRow>();
  /** Its texts as they are on the screen. */
  draft = $state.raw<ExampleContent>();
  /** Texts of a row that is not there yet; it stands after the row in view. */
  adding = $state.raw<ExampleContent>();
  failure = $state.raw<Failure>();
  /** The change that `failure` is about. */
  refused = $state.raw<RowsEdit>();
  /** Changes that are under way. */
  saving = $state(0);
  /** The version that the latest change made. */
  saved = $state<number>();
  #asked = 0;
  /** The version that this writing of a text has made so far. */
  #writing: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #studio: Studio;

  constructor(studio: Studio) {
    this.#studio = studio;
  }

  /** Reads the texts of the row in view. What is written meanwhile stays. */
  async read(at: number): Promise<void> {
    const asked = ++this.#asked;
    const outcome = await this.#studio.session.worker.writableRow(at);
    if (asked !== this.#asked || this.#timer !== undefined) return;
    const { row } = this;
    if (!outcome.ok) {
      this.row = undefined;
      this.failure = outcome;
      return;
    }
    const isSame = row?.file === outcome.row.file && row.line === outcome.row.line;
    this.row = outcome.row;
    // A text that was refused stays in its field until another row is shown.
    if (isSame && this.failure) return;
    this.failure = undefined;
    this.draft = outcome.row.content;
  }

  /** Writes a text, and keeps it when the person pauses. */
  write(id: string, written: Written): void {
    this.#draft(id, written);
    if (this.adding) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#keep(), PAUSE_MS);
  }

  /** The writing of a text has ended: what follows is another step. */
  async wrote(id: string, written: Written): Promise<void> {
    this.#draft(id, written);
    if (!this.adding) await this.#keep();
    this.#writing = undefined;
  }

  /** Takes texts with another turn, or without one. They are kept with the next text that is written. */
  async change(content: ExampleContent, keeps: boolean): Promise<void> {
    if (this.adding) this.adding = content;
    else this.draft = content;
    if (keeps && !this.adding) await this.#keep();
    this.#writing = undefined;
  }

  /** Makes the change that was refused, after its reason is gone. A text is taken as it is written by now. */
  async again(): Promise<void> {
    const { refused } = this;
    if (refused?.kind === 'write') await this.#keep();
    else if (refused?.kind === 'add' && this.adding) await this.add();
    else if (refused) await this.edit(refused);
  }

  /** Another row is in view: what was refused is not about it. */
  forget(): void {
    this.failure = undefined;
    this.refused = undefined;
  }

  #draft(id: string, written: Written): void {
    if (this.adding) this.adding = withField(this.adding, id, written);
    else if (this.draft) this.draft = withField(this.draft, id, written);
  }

  async #keep(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { row, draft } = this;
    if (!row || !draft || JSON.stringify(draft) === JSON.stringify(row.content)) {
      this.failure = undefined;
      return;
    }
    // The next text may be written before this one is kept.
    this.row = { ...row, content: draft };
    const amends = this.#writing;
    const edit: RowsEdit = { kind: 'write', at: row.at, content: draft, ...(amends && { amends }) };
    const kept = await this.edit(edit, false);
    if (kept) this.#writing = this.saved;
    else this.row = row;
  }

  /** Starts a row after the one in view. */
  begin(): void {
    const content = this.row?.content;
    if (!content) return;
    this.failure = undefined;
    this.adding = emptyLike(content);
  }

  /** Adds the row that was written. */
  async add(): Promise<void> {
    const { adding: content, row } = this;
    if (!content || !row) return;
    if (await this.edit({ kind: 'add', after: row.at, content })) this.adding = undefined;
  }

  leave(): void {
    this.adding = undefined;
    this.failure = undefined;
    this.open = false;
  }

  /** The field that a person was writing in has already given its text to {@link wrote}. */
  end(): void {
    clearTimeout(this.#timer);
  }

  /** Changes rows. One after the other, as they were made. @returns whether they are changed */
  edit(edit: RowsEdit, says = true): Promise<boolean> {
    const { session, data, settings } = this.#studio;
    const change = async (): Promise<boolean> => {
      const outcome = await session.worker.editRows(edit);
      if (!outcome.ok) {
        this.failure = outcome;
        this.refused = edit;
        return false;
      }
      this.forget();
      this.saved = outcome.history.version;
      await settings.keepThrough(async () => {
        data.take(outcome);
        return true;
      });
      const done = outcome.history.steps.at(-1)?.done;
      if (says && done !== undefined) session.announcer.say(done);
      return true;
    };
    this.saving++;
    const result = data.changes.then(change).finally(() => this.saving--);
    data.changes = result.catch(() => undefined);
    return result;
  }

  /** Undoes the latest step, or does again what was undone. */
  async undo(): Promise<void> {
    const { data, settings } = this.#studio;
    this.#writing = undefined;
    this.failure = undefined;
    await settings.keepThrough(() => data.undo());
  }

  async goTo(version: number): Promise<void> {
    const { data, settings } = this.#studio;
    this.#writing = undefined;
    this.failure = undefined;
    await settings.keepThrough(() => data.goTo(version, `Version ${version} is open.`));
  }
}

export const editingOf = ofProject((studio) => new Editing(studio));
