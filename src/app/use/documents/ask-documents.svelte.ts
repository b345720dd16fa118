/** Questions to the documents of a project: whether and how they are asked, and the passages of a question. */
import { DEFAULT_TEMPLATE } from '../../../retrieval/passages-template.ts';
import { RERANKED } from '../../../retrieval/rerank.ts';
import type {
  AskedDocuments,
  AskedPassages,
  DocumentView,
  Failure,
  SearchMethod,
} from '../../../worker/api.ts';
import { messageOf } from '../../../errors.ts';
import { fetchBytes } from '../../start/fetch.ts';
import type { SampleDataSet } from '../../start/samples.svelte.ts';
import type { Chat } from '../chat.svelte.ts';
import { ofProject } from '../../state/of-studio.svelte.ts';
import type { Studio } from '../../state/studio.svelte.ts';

const TOP = 5;
/** As in the rows of the bundled lesson. */
const LESSON_TOP = 2;
export const ASK_METHODS: Readonly<Record<SearchMethod, string>> = {
  cosine: 'by meaning (cosine)',
  bm25: 'by words (BM25)',
  rrf: 'by both (rank fusion)',
};

export class AskDocuments {
  /** How many documents the project has. */
  count = $state(0);
  /** Whether bundled documents are being added, and why they could not be. */
  adding = $state(false);
  failure = $state.raw<Failure>();
  /** Whether they can be searched by meaning. */
  hasEncoder = $state(false);
  /** Chunks without a vector, which the last search by meaning did not compare. */
  missing = $state(0);
  /** Counts the looks at what the project has: of two answers the later one is shown. */
  #asked = 0;
  readonly #finds: Chat['passagesFor'] = (prompt, signal) => this.#find(prompt, signal);
  readonly #studio: Studio;

  constructor(studio: Studio) {
    this.#studio = studio;
    studio.chat.passagesFor = this.#finds;
  }

  end(): void {
    const { chat } = this.#studio;
    if (chat.passagesFor === this.#finds) chat.passagesFor = async () => undefined;
  }

  get #kept(): Readonly<Record<string, unknown>> {
    return this.#studio.chat.documents;
  }

  #keep(change: Readonly<Record<string, unknown>>): void {
    const kept = Object.entries({ ...this.#kept, ...change }).filter(([, value]) => value !== undefined);
    this.#studio.chat.documents = Object.fromEntries(kept);
  }

  get on(): boolean {
    return this.#kept.on === true && this.count > 0;
  }

  set on(on: boolean) {
    this.#keep({ on: on || undefined });
  }

  get methods(): readonly SearchMethod[] {
    return this.hasEncoder ? (Object.keys(ASK_METHODS) as SearchMethod[]) : ['bm25'];
  }

  get method(): SearchMethod {
    return this.methods.find((method) => method === this.#kept.method) ?? this.methods[0];
  }

  set method(method: SearchMethod) {
    this.#keep({ method: method === this.methods[0] ? undefined : method });
  }

  /** Passages before a question at most. */
  get top(): number {
    const { top } = this.#kept;
    return typeof top === 'number' && Number.isInteger(top) && top > 0 ? top : TOP;
  }

  set top(top: number) {
    this.#keep({ top: top === TOP ? undefined : top });
  }

  /** Whether the open model ranks the best passages again. */
  get rerank(): boolean {
    return this.#kept.rerank === true;
  }

  set rerank(rerank: boolean) {
    this.#keep({ rerank: rerank || undefined });
  }

  /** How they are searched. */
  get #search(): { readonly method: SearchMethod; readonly top: number; readonly rerank?: number } {
    const { method, top } = this;
    return { method, top, ...(this.rerank && { rerank: RERANKED }) };
  }

  get template(): string {
    const { template } = this.#kept;
    return typeof template === 'string' && template.trim() !== '' ? template : DEFAULT_TEMPLATE;
  }

  set template(template: string) {
    this.#keep({ template: template === DEFAULT_TEMPLATE ? undefined : template });
  }

  get hasOwnTemplate(): boolean {
    return this.template !== DEFAULT_TEMPLATE;
  }

  /** Looks which documents a project has. */
  async follow(project: string | undefined): Promise<void> {
    if (project === undefined) {
      this.count = 0;
      return;
    }
    const asked = ++this.#asked;
    const outcome = await this.#studio.session.worker.listDocuments(project);
    if (asked !== this.#asked || project !== this.#studio.projects.id) return;
    this.count = outcome.ok ? outcome.documents.documents.length : 0;
    this.hasEncoder = outcome.ok && outcome.documents.encoder?.kept === true;
  }

  /** The open sample, if it has documents and the project has none. */
  get lesson(): SampleDataSet | undefined {
    const sample = this.#studio.data.source?.sample;
    return this.count === 0 && sample?.documents !== undefined ? sample : undefined;
  }

  /** Adds the documents of the open sample, and asks them by the template of its rows. */
  async addLesson(): Promise<void> {
    const { lesson } = this;
    const { projects, session } = this.#studio;
    if (!lesson?.documents || this.adding) return;
    this.adding = true;
    this.failure = undefined;
    const id = projects.id ?? (await projects.create(lesson.title))?.id;
    if (id === undefined) {
      this.failure = projects.failure;
      this.adding = false;
      return;
    }
    try {
      const [zip, template] = await Promise.all([
        fetchBytes(lesson.documents),
        lesson.template === undefined ? undefined : fetchBytes(lesson.template),
      ]);
      const path = lesson.documents.slice(lesson.documents.lastIndexOf('/') + 1);
      const outcome = await session.worker.addDocuments(id, [{ path, file: new File([zip], path) }]);
      if (!outcome.ok) this.failure = outcome;
      else if (id === projects.id) {
        this.#asked++;
        this.count = outcome.documents.documents.length;
        this.#keep({
          on: true,
          top: LESSON_TOP,
          ...(template && { template: new TextDecoder().decode(template) }),
        });
      }
    } catch (error) {
      this.failure = {
        code: 'app-sample',
        what: `The documents of “${lesson.title}” could not be fetched: ${messageOf(error)}`,
        remedy: 'Try again once the page can be reached.',
      };
    } finally {
      this.adding = false;
    }
  }

  /** A document of the project. */
  async read(file: string): Promise<DocumentView | Failure> {
    const outcome = await this.#studio.session.worker.readDocument(this.#studio.projects.id ?? '', file);
    return outcome.ok ? outcome.document : outcome;
  }

  /** How they are asked in a measurement; undefined without documents. */
  get measured(): AskedDocuments | undefined {
    const { id } = this.#studio.projects;
    if (id === undefined || this.count === 0) return undefined;
    return { projectId: id, ...this.#search, template: this.template };
  }

  async #find(prompt: string, signal: AbortSignal): Promise<AskedPassages | Failure | undefined> {
    const { id } = this.#studio.projects;
    if (!this.on || id === undefined) return undefined;
    const { worker } = this.#studio.session;
    const outcome = await worker.searchDocuments(id, prompt, this.#search, undefined, signal);
    if (!outcome.ok) return outcome;
    this.missing = outcome.missing;
    const found = outcome.hits.map(({ score: _score, likelihood: _likelihood, ...source }) => source);
    return { template: this.template, found };
  }
}

export const askDocumentsOf = ofProject((studio) => new AskDocuments(studio));
