/** The export of an adapter in another format: what will be written, how far it is, and its result. */
import type {
  AdapterInfo,
  ExportedChat,
  ExportPlan,
  Failure,
  FormatChoice,
  FormatInfo,
  OtherBase,
  Progress,
} from '../../worker/api.ts';
import { saveFile } from '../ui/save.ts';
import { farWords, TimeLeftClock } from '../ui/time-left.ts';
import type { Chat } from './chat.svelte.ts';
import { ofStudio } from '../state/of-studio.svelte.ts';
import type { SessionState } from '../state/session.svelte.ts';

/** Chromium has it: https://developer.mozilla.org/en-US/docs/Web/API/Window/showDirectoryPicker */
interface FolderPicker {
  showDirectoryPicker(options: {
    readonly id: string;
    readonly mode: 'readwrite';
  }): Promise<FileSystemDirectoryHandle>;
}

const picker = (): FolderPicker | undefined =>
  'showDirectoryPicker' in globalThis ? (globalThis as unknown as FolderPicker) : undefined;

export class Exporting {
  /** All formats, once the first adapter was asked about. */
  formats = $state.raw<readonly FormatInfo[]>([]);
  /** The name of the chosen one, which stays chosen for the next adapter. */
  format = $state('');
  /** The number format of the weights, if the format has a choice. */
  type = $state<string>();
  /** The adapter that is to be exported. */
  adapter = $state.raw<AdapterInfo>();
  plan = $state.raw<ExportPlan>();
  otherBase = $state.raw<OtherBase>();
  /** While it is written. */
  busy = $state(false);
  progress = $state.raw<Progress>();
  /** How far that is, in words. */
  detail = $state('');
  /** What was written, and where to. */
  written = $state.raw<{ readonly name: string; readonly folder?: string }>();
  failure = $state.raw<Failure>();
  readonly canChooseFolder = picker() !== undefined;
  #request: AbortController | undefined;
  readonly #session: SessionState;

  /** @param chat of the same project */
  constructor(
    session: SessionState,
    private readonly chat: Pick<Chat, 'settings' | 'givenSystem' | 'asking'>,
  ) {
    this.#session = session;
  }

  /** How a program that is exported now answers at first. */
  get answers(): ExportedChat {
    const { settings, givenSystem: system, asking } = this.chat;
    return { settings, system, single: asking === 'alone' };
  }

  /** Looks at what an export of an adapter would write. */
  async ask(adapter: AdapterInfo): Promise<void> {
    if (this.busy) return;
    this.#reset(adapter);
    if (this.formats.length === 0) {
      const found = await this.#session.worker.exportFormats();
      if (!found.ok) {
        this.failure = found;
        return;
      }
      this.formats = found.formats;
      if (this.format === '') this.#take(found.formats[0].name);
    }
    const choice = this.#choice;
    const outcome = await this.#session.worker.planExport(adapter.id, choice);
    const { format, type } = this.#choice;
    if (this.adapter?.id !== adapter.id || choice.format !== format || choice.type !== type) return;
    if (!outcome.ok) this.failure = outcome;
    else if ('plan' in outcome) this.plan = outcome.plan;
    else this.otherBase = outcome.otherBase;
  }

  /** Looks at what another format would write. */
  async choose(format: string): Promise<void> {
    if (this.busy || !this.adapter) return;
    this.#take(format);
    await this.ask(this.adapter);
  }

  /** Looks at what another number format would write. */
  async chooseType(type: string): Promise<void> {
    if (this.busy || !this.adapter) return;
    this.type = type;
    await this.ask(this.adapter);
  }

  close(): void {
    if (!this.busy) this.#reset(undefined);
  }

  /** Opens the base model, and looks again. */
  async openBase(): Promise<void> {
    const { adapter, otherBase } = this;
    if (!adapter || !otherBase?.model) return;
    const { name, bundled } = otherBase.model;
    const opened = bundled ? await this.#session.openBundled() : await this.#session.openKept(name);
    // It may have been closed, or another adapter asked about.
    if (this.adapter?.id !== adapter.id) return;
    if (opened) await this.ask(adapter);
    else this.failure = this.#session.modelFailure;
  }

  /** Into a folder that the person chooses now. */
  async toFolder(): Promise<void> {
    let folder: FileSystemDirectoryHandle | undefined;
    try {
      folder = await picker()?.showDirectoryPicker({ id: 'graft-export', mode: 'readwrite' });
    } catch (error) {
      // No folder was chosen.
      if (error instanceof DOMException && error.name === 'AbortError') return;
      throw error;
    }
    if (folder) await this.#write(folder);
  }

  toZip(): Promise<void> {
    return this.#write(undefined);
  }

  stop(): void {
    this.#request?.abort();
  }

  async #write(folder: FileSystemDirectoryHandle | undefined): Promise<void> {
    const { adapter } = this;
    if (!adapter || this.busy) return;
    this.failure = this.written = undefined;
    this.busy = true;
    const left = new TimeLeftClock();
    const hear = (progress: Progress): void => {
      if (!this.busy) return;
      this.progress = progress;
      this.detail = farWords(progress, left.hear(progress));
    };
    const { signal } = (this.#request = new AbortController());
    const outcome = await this.#session.worker.exportFolder(adapter.id, this.#choice, folder, hear, signal);
    this.busy = false;
    this.progress = undefined;
    this.detail = '';
    void this.#session.refreshStorage();
    if (outcome.ok) {
      if (outcome.zip) saveFile(outcome.name, outcome.zip);
      this.written = { name: outcome.name, ...(folder && { folder: folder.name }) };
      this.#session.announcer.say(`${outcome.name} is written.`);
    } else if (outcome.code === 'worker-aborted') {
      this.#session.announcer.say('The export was stopped.');
    } else {
      this.failure = outcome;
    }
  }

  get #choice(): FormatChoice {
    const { format, type } = this;
    return { format, ...(type !== undefined && { type }), chat: this.answers };
  }

  #take(format: string): void {
    this.format = format;
    this.type = this.formats.find(({ name }) => name === format)?.type;
  }

  #reset(adapter: AdapterInfo | undefined): void {
    this.adapter = adapter;
    this.plan = this.otherBase = this.written = this.failure = undefined;
  }
}

/** The export of a studio: it continues while another stage is open. */
export const exportingOf = ofStudio(({ session, chat }) => new Exporting(session, chat));
