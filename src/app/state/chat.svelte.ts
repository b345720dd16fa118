/** Two answers side by side: the same conversation with two adapters. Kept with the project. */
import type {
  ChatMessage,
  ChatSettings,
  ChatToken,
  Conversation,
  Failure,
  KeptAnswer,
  Origin,
} from '../../worker/api.ts';
import { choiceOf, type AdapterKey } from './adapters.svelte.ts';
import { isObject } from '../../json.ts';
import type { Results } from './results.svelte.ts';
import type { Session } from './session.svelte.ts';

export type AnswerState = 'waiting' | 'writing' | 'done' | 'stopped' | 'failed';

export class Answer {
  readonly adapter: AdapterKey;
  text = $state('');
  state = $state<AnswerState>('waiting');
  tokens = $state.raw<readonly ChatToken[]>([]);
  tokenCount = $state(0);
  seconds = $state(0);
  /** What it was asked of; missing until it is there. */
  origin = $state.raw<Origin>();
  failure = $state.raw<Failure>();

  constructor(adapter: AdapterKey) {
    this.adapter = adapter;
  }

  static of({ adapter, ...kept }: KeptAnswer): Answer {
    return Object.assign(new Answer(adapter), kept);
  }

  /** @param last whether its tokens are worth their room */
  kept(last: boolean): KeptAnswer {
    const { adapter, text, state, tokens, tokenCount, seconds, origin } = this;
    return {
      ...{ adapter, text, tokenCount, seconds },
      // One that has not ended by then never will.
      state: state === 'done' || state === 'failed' ? state : 'stopped',
      tokens: last ? tokens : [],
      ...(origin && { origin }),
    };
  }
}

export interface Turn {
  readonly prompt: string;
  readonly answers: readonly [Answer, Answer];
}

const START: ChatSettings = {
  maxNewTokens: 64,
  temperature: 0,
  topK: 0,
  topP: 1,
  minP: 0,
  repetitionPenalty: 1,
  seed: 42,
};

export class Chat {
  sides = $state<[AdapterKey, AdapterKey]>(['base', 'current']);
  turns = $state.raw<readonly Turn[]>([]);
  settings = $state.raw<ChatSettings>(START);
  /** Called before the first question: it may make a project. */
  begin: (prompt: string) => Promise<void> = async () => undefined;
  prompt = $state('');
  busy = $state(false);
  failure = $state.raw<Failure>();
  #stopping = false;
  readonly #session: Session;
  readonly #kept: Results;

  constructor(session: Session, kept: Results) {
    this.#session = session;
    this.#kept = kept;
  }

  async ask(prompt: string): Promise<void> {
    if (this.busy || prompt.trim() === '') return;
    this.busy = true;
    this.failure = undefined;
    this.#stopping = false;
    const before = this.turns;
    const answers = [new Answer(this.sides[0]), new Answer(this.sides[1])] as const;
    const turns = (this.turns = [...before, { prompt, answers }]);
    if (await this.#session.ensureModel()) {
      this.prompt = '';
      await this.begin(prompt);
      const { project } = this.#kept;
      await this.#keep(project, turns);
      for (const side of [0, 1] as const)
        await this.#answer(answers[side], this.#messages(before, side, prompt));
      await this.#keep(project, turns);
      this.#session.announcer.say(this.#stopping ? 'Stopped.' : 'Both answers are there.');
    } else {
      this.failure = this.#session.modelFailure;
      this.turns = before;
    }
    this.busy = false;
  }

  async #keep(project: string | undefined, turns: readonly Turn[]): Promise<void> {
    const kept = turns.map(({ prompt, answers: [left, right] }, at) => {
      const last = at === turns.length - 1;
      return { prompt, answers: [left.kept(last), right.kept(last)] as const };
    });
    const failure = await this.#kept.keep(project, { chat: { turns: kept } });
    if (failure && project === this.#kept.project) this.failure = failure;
  }

  /** The conversation that the project keeps; nothing where it keeps none. */
  show(conversation: Conversation | undefined): void {
    this.turns = (conversation?.turns ?? []).map(({ prompt, answers: [left, right] }) => ({
      prompt,
      answers: [Answer.of(left), Answer.of(right)],
    }));
  }

  /** Nothing was asked, as in a new project. */
  forget(): void {
    if (this.busy) void this.stop();
    this.turns = [];
    this.failure = undefined;
    this.prompt = '';
    this.load(undefined);
  }

  /** What is kept of how to ask, beside the conversation. */
  get choices(): object {
    return { sides: [...this.sides], settings: this.settings };
  }

  /** @param kept as the project has it: what is not of the right kind is left as it would be at the start */
  load(kept: unknown): void {
    const { sides, settings } = isObject(kept) ? kept : {};
    const [left, right] = Array.isArray(sides) ? (sides as unknown[]) : [];
    this.sides = typeof left === 'string' && typeof right === 'string' ? [left, right] : ['base', 'current'];
    const values = isObject(settings) ? settings : {};
    const fits = Object.keys(START).filter((key) => Number.isFinite(values[key]));
    this.settings = { ...START, ...Object.fromEntries(fits.map((key) => [key, values[key]])) };
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#session.worker.stopChat();
  }

  /** The last prompt again: with another seed, unless sampling is off, where the answer would be the same. */
  async retry(): Promise<void> {
    const last = this.turns.at(-1);
    if (!last || this.busy) return;
    this.turns = this.turns.slice(0, -1);
    if (this.settings.temperature > 0) this.settings = { ...this.settings, seed: this.settings.seed + 1 };
    await this.ask(last.prompt);
  }

  clear(): void {
    if (this.busy) return;
    this.turns = [];
    this.failure = undefined;
    void this.#keep(this.#kept.project, []);
  }

  #messages(turns: readonly Turn[], side: 0 | 1, prompt: string): ChatMessage[] {
    // What this side could not answer it was not asked.
    const past = turns
      .filter(({ answers }) => answers[side].state !== 'failed')
      .flatMap(({ prompt: asked, answers }): ChatMessage[] => [
        { role: 'user', content: asked },
        { role: 'assistant', content: answers[side].text },
      ]);
    return [...past, { role: 'user', content: prompt }];
  }

  async #answer(answer: Answer, messages: readonly ChatMessage[]): Promise<void> {
    if (this.#stopping) {
      answer.state = 'stopped';
      return;
    }
    answer.state = 'writing';
    const outcome = await this.#session.worker.chat(
      choiceOf(answer.adapter),
      messages,
      this.settings,
      (text) => {
        if (answer.state === 'writing') answer.text += text;
      },
    );
    if (outcome.ok) {
      answer.text = outcome.text;
      answer.tokens = outcome.tokens;
      answer.tokenCount = outcome.tokens.length;
      answer.origin = outcome.origin;
      answer.seconds = outcome.seconds;
      answer.state = this.#stopping ? 'stopped' : 'done';
    } else {
      answer.failure = outcome;
      answer.state = 'failed';
    }
  }
}
