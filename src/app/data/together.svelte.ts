/** Files of rows that came together, in a zip or a data set on the hub: which of them are opened, and as what. */
import { isTestFile } from '../../data/file-names.ts';
import type {
  DownloadStatus,
  Failure,
  ModelOffer,
  Outcome,
  PartialRows,
  RefusedFile,
  TakenFile,
} from '../../worker/api.ts';
import { Latest } from '../state/latest.ts';
import { ofProject } from '../state/of-studio.svelte.ts';
import type { Studio } from '../state/studio.svelte.ts';
import { count } from '../../numbers.ts';

export type FileRole = 'rows' | 'test' | 'out';

interface ListedFile {
  readonly name: string;
  readonly bytes?: number;
}

/** How the files are had. */
interface Origin {
  readonly kind: 'zip' | 'hub';
  /** @returns without files if it was paused */
  take(names: readonly string[]): Promise<Outcome<{ readonly files?: readonly TakenFile[] }>>;
  /** The path of a file for the command, if it has one. */
  readonly path?: (name: string) => string;
}

interface About {
  readonly refused?: readonly RefusedFile[];
  /** Files of other kinds. */
  readonly others?: readonly string[];
  readonly licence?: string;
  readonly gated?: boolean;
  readonly source?: string;
}

/** The first files of a large data set are chosen, up to this size. A person can choose others. */
const CHOSEN_BYTES = 200 * 2 ** 20;

/** Files that are listed, before they are opened. */
export class Together {
  roles = $state<Record<string, FileRole>>({});
  failure = $state.raw<Failure>();
  /** Whether files are being taken. */
  busy = $state(false);
  /** How far a download is. */
  status = $state.raw<DownloadStatus>();

  constructor(
    readonly name: string,
    readonly files: readonly ListedFile[],
    readonly origin: Origin,
    readonly about: About = {},
  ) {
    const test =
      files.find((file) => /test/i.test(file.name) && isTestFile(file.name)) ??
      files.find((file) => isTestFile(file.name));
    let sum = 0;
    for (const file of files) {
      const isRows = !isTestFile(file.name) || files.length === 1;
      const fits = sum === 0 || sum + (file.bytes ?? 0) <= CHOSEN_BYTES;
      if (isRows && fits) sum += file.bytes ?? 0;
      this.roles[file.name] = isRows ? (fits ? 'rows' : 'out') : file === test ? 'test' : 'out';
    }
  }

  get chosen(): readonly ListedFile[] {
    return this.files.filter(({ name }) => this.roles[name] !== 'out');
  }

  /** Bytes of the chosen files; undefined if one of them is not known. */
  get bytes(): number | undefined {
    const sizes = this.chosen.map(({ bytes }) => bytes);
    return sizes.every((size) => size !== undefined) ? sizes.reduce((a, b) => a + b, 0) : undefined;
  }

  /** Why they cannot be opened like this; '' if they can. */
  get fault(): string {
    return this.files.some(({ name }) => this.roles[name] === 'rows') ? '' : 'Choose a file as rows.';
  }

  /** One file can be the test rows. */
  choose(name: string, role: FileRole): void {
    if (role === 'test')
      for (const file of this.files) if (this.roles[file.name] === 'test') this.roles[file.name] = 'out';
    this.roles[name] = role;
  }
}

class Bundles {
  /** What is asked about. */
  open = $state.raw<Together>();
  /** What a person asks the hub for. */
  asked = $state('');
  finding = $state('');
  failure = $state.raw<Failure>();
  /** Data sets whose files have not all come. */
  partials = $state.raw<readonly PartialRows[]>([]);
  #request: AbortController | undefined;
  readonly #listed = new Latest(
    () => this.#studio.session.worker.listPartialRows(),
    (outcome) => {
      if (outcome.ok) this.partials = outcome.partials;
      else this.failure = outcome;
    },
  );
  readonly #studio: Studio;

  constructor(studio: Studio) {
    this.#studio = studio;
  }

  refresh(): Promise<void> {
    return this.#listed.ask();
  }

  async find(asked = this.asked.trim()): Promise<void> {
    const { session, downloads } = this.#studio;
    if (asked === '' || this.finding) return;
    this.failure = undefined;
    this.open = undefined;
    this.finding = asked;
    const { signal } = (this.#request = new AbortController());
    const outcome = await session.worker.findRows(asked, access(downloads.token), signal);
    this.finding = '';
    if (!outcome.ok) {
      if (outcome.code !== 'worker-aborted') this.failure = outcome;
      return;
    }
    this.open = this.#ofHub(outcome.offer);
    session.announcer.say(`${outcome.offer.name} has ${count(outcome.offer.files.length)} files of rows.`);
  }

  stopFinding(): void {
    this.#request?.abort();
  }

  /** What is being downloaded can be continued in any project. */
  end(): void {
    this.stopFinding();
    this.pause();
    this.open = undefined;
  }

  /** Asks for the files of a download that was begun, and continues it. */
  async resume({ source, files }: PartialRows): Promise<void> {
    await this.find(source);
    const { open } = this;
    if (!open) return;
    for (const { name } of open.files) {
      if (!files.includes(name)) open.roles[name] = 'out';
      else if (open.roles[name] === 'out') open.roles[name] = 'rows';
    }
    await this.take();
  }

  async drop({ source, name }: PartialRows): Promise<void> {
    const outcome = await this.#studio.session.worker.dropRows(source);
    this.failure = outcome.ok ? undefined : outcome;
    if (outcome.ok) this.#studio.session.announcer.say(`What came of ${name} is deleted.`);
    await this.refresh();
  }

  /** Takes the chosen files, and opens them. @returns whether their rows are open */
  async take(): Promise<boolean> {
    const { open } = this;
    if (!open || open.busy || open.fault !== '') return false;
    open.busy = true;
    open.failure = undefined;
    const outcome = await open.origin.take(open.chosen.map(({ name }) => name));
    open.busy = false;
    open.status = undefined;
    if (open.origin.kind === 'hub') await this.refresh();
    if (!outcome.ok) {
      open.failure = outcome;
      return false;
    }
    if (!outcome.files || this.open !== open) return false;
    this.open = undefined;
    return this.#openFiles(open, outcome.files);
  }

  pause(): void {
    const source = this.open?.about.source;
    if (source !== undefined) void this.#studio.session.worker.pauseRows(source);
  }

  /** One file is opened as any file is, several in place of the rows that are open. */
  async #openFiles({ name, roles, origin }: Together, files: readonly TakenFile[]): Promise<boolean> {
    const { rows } = this.#studio;
    const names = shortNames(files.map((file) => file.name));
    const placed = files.map((file, at) => {
      const path = origin.path?.(file.name);
      return {
        role: roles[file.name],
        file: { name: names[at], bytes: file.bytes, ...(path !== undefined && { path }) },
      };
    });
    const [first, ...more] = placed.filter(({ role }) => role === 'rows').map(({ file }) => file);
    const heldOut = placed.find(({ role }) => role === 'test')?.file;
    if (more.length === 0 && !heldOut && this.#studio.data.summary)
      return rows.openFile(new File([first.bytes], first.name));
    return rows.openTogether({
      name: placed.length === 1 ? first.name : name,
      file: first,
      ...(heldOut && { heldOut }),
      ...(more.length > 0 && { more }),
    });
  }

  #ofHub({ name, source, files, licence, gated }: ModelOffer): Together {
    const { session, downloads } = this.#studio;
    const together: Together = new Together(
      name,
      files,
      {
        kind: 'hub',
        take: (names) =>
          session.worker.downloadRows(source, names, access(downloads.token), (status) => {
            together.status = status;
          }),
      },
      { source, gated, ...(licence !== undefined && { licence }) },
    );
    return together;
  }
}

export const bundlesOf = ofProject((studio) => new Bundles(studio));

const access = (token: string): { readonly token?: string } =>
  token.trim() === '' ? {} : { token: token.trim() };

/** Names without folders if these differ, else with dashes in place of the folders. */
function shortNames(paths: readonly string[]): readonly string[] {
  const ends = paths.map((path) => path.slice(path.lastIndexOf('/') + 1));
  return new Set(ends).size === ends.length ? ends : paths.map((path) => path.replaceAll('/', '-'));
}

/** Lists the files of a zip. One good file is opened at once. @returns whether its rows are open */
export async function openZip(studio: Studio, zip: File): Promise<boolean> {
  const { session, data } = studio;
  const bundles = bundlesOf(studio);
  const outcome = await session.worker.listZip(zip);
  if (!outcome.ok) {
    data.failure = outcome;
    return false;
  }
  const { files, refused, others } = outcome;
  bundles.open = new Together(
    zip.name,
    files.map(({ path, bytes }) => ({ name: path, bytes })),
    {
      kind: 'zip',
      take: (names) => session.worker.readZip(zip, names),
      path: (name) => `${zip.name}/${name}`,
    },
    { refused, others },
  );
  if (files.length === 1 && refused.length === 0) return bundles.take();
  session.announcer.say(`Say which files of ${zip.name} should be opened.`);
  return false;
}
