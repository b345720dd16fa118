/** Two answers side by side: the same conversation with two adapters. */
import type { ChatMessage, ChatSettings, ChatToken, Failure } from '../../worker/api.ts';
import { choiceOf, type AdapterKey } from './adapters.svelte.ts';
import type { Session } from './session.svelte.ts';

export type AnswerState = 'waiting' | 'writing' | 'done' | 'stopped' | 'failed';

export class Answer {
  readonly adapter: AdapterKey;
  text = $state('');
  state = $state<AnswerState>('waiting');
  tokens = $state.raw<readonly ChatToken[]>([]);
  seconds = $state(0);
  failure = $state.raw<Failure>();

  constructor(adapter: AdapterKey) {
    this.adapter = adapter;
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
  prompt = $state('');
  busy = $state(false);
  failure = $state.raw<Failure>();
  #stopping = false;
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async ask(prompt: string): Promise<void> {
    if (this.busy || prompt.trim() === '') return;
    this.busy = true;
    this.failure = undefined;
    this.#stopping = false;
    const before = this.turns;
    const answers = [new Answer(this.sides[0]), new Answer(this.sides[1])] as const;
    this.turns = [...before, { prompt, answers }];
    if (await this.#session.ensureModel()) {
      this.prompt = '';
      for (const side of [0, 1] as const)
        await this.#answer(answers[side], this.#messages(before, side, prompt));
      this.#session.announcer.say(this.#stopping ? 'Stopped.' : 'Both answers are there.');
    } else {
      this.failure = this.#session.modelFailure;
      this.turns = before;
    }
    this.busy = false;
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
  }

  #messages(turns: readonly Turn[], side: 0 | 1, prompt: string): ChatMessage[] {
    const past = turns.flatMap((turn): ChatMessage[] => [
      { role: 'user', content: turn.prompt },
      { role: 'assistant', content: turn.answers[side].text },
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
      answer.seconds = outcome.seconds;
      answer.state = this.#stopping ? 'stopped' : 'done';
    } else {
      answer.failure = outcome;
      answer.state = 'failed';
    }
  }
}
