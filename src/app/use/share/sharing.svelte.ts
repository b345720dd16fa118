/** A push of one adapter to the hub: what would be sent, the form, how far it is, and its result. The token is forgotten after each press. */
import type { AdapterInfo, Failure, Shared, SharedFile, ShareProgress } from '../../../worker/api.ts';
import { repoFault } from '../../../repo-name.ts';
import { ofStudio } from '../../state/of-studio.svelte.ts';
import type { SessionState } from '../../state/session.svelte.ts';

export class Sharing {
  /** The adapter that is to be shared. */
  adapter = $state.raw<AdapterInfo>();
  files = $state.raw<readonly SharedFile[]>();
  hub = $state('');
  repo = $state('');
  private = $state(true);
  token = $state('');
  busy = $state(false);
  progress = $state.raw<ShareProgress>();
  shared = $state.raw<Shared>();
  failure = $state.raw<Failure>();
  #request: AbortController | undefined;
  readonly #session: SessionState;

  constructor(session: SessionState) {
    this.#session = session;
  }

  async open(adapter: AdapterInfo): Promise<void> {
    if (this.busy) return;
    this.#reset(adapter);
    const outcome = await this.#session.worker.planShare(adapter.id);
    if (this.adapter?.id !== adapter.id) return;
    if (outcome.ok) {
      this.files = outcome.files;
      this.hub = outcome.hub;
    } else this.failure = outcome;
  }

  close(): void {
    if (!this.busy) this.#reset(undefined);
  }

  /** Why the hub does not take the name; '' for one that it takes, and before there is one. */
  get fault(): string {
    const repo = this.repo.trim();
    return repo === '' ? '' : (repoFault(repo) ?? '');
  }

  get ready(): boolean {
    return (
      this.files !== undefined &&
      repoFault(this.repo.trim()) === undefined &&
      this.token.trim() !== '' &&
      !this.busy
    );
  }

  async push(): Promise<void> {
    const { adapter } = this;
    if (!adapter || !this.ready) return;
    const request = { repo: this.repo.trim(), private: this.private, token: this.token.trim() };
    this.token = '';
    this.failure = this.shared = undefined;
    this.busy = true;
    const { signal } = (this.#request = new AbortController());
    const hear = (progress: ShareProgress): void => {
      if (this.busy) this.progress = progress;
    };
    const outcome = await this.#session.worker.shareAdapter(adapter.id, request, hear, signal);
    this.busy = false;
    this.progress = undefined;
    if (outcome.ok) {
      this.shared = outcome.shared;
      this.#session.announcer.say(`${adapter.name} is at ${outcome.shared.page}.`);
    } else if (outcome.code === 'worker-aborted') this.#session.announcer.say('The push was stopped.');
    else this.failure = outcome;
  }

  stop(): void {
    this.#request?.abort();
  }

  #reset(adapter: AdapterInfo | undefined): void {
    this.adapter = adapter;
    this.files = this.shared = this.failure = undefined;
    this.token = '';
  }
}

/** The sharing of a studio: a push continues while another stage is open. */
export const sharingOf = ofStudio(({ session }) => new Sharing(session));
