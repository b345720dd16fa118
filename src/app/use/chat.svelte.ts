/** Two answers side by side: the same question to two adapters. Kept with the project. */
import type {
  AnswerPassages,
  AskedPassages,
  RenderedPrompt,
  Message,
  ChatSettings,
  ChatToken,
  Conversation,
  Failure,
  KeptAnswer,
  Origin,
  TaughtTurns,
  Vote,
} from '../../worker/api.ts';
import { usualAsking, type Asking } from './asking.ts';
import { choiceOf, type AdapterKey } from './adapters.svelte.ts';
import { isObject } from '../../json.ts';
import { Random } from '../../random.ts';
import type { PreferencesState } from '../state/preferences.svelte.ts';
import type { ResultsState } from '../evaluate/results.svelte.ts';
import type { SessionState } from '../state/session.svelte.ts';

export type AnswerState = 'waiting' | 'writing' | 'done' | 'stopped' | 'failed';

export class Answer {
  readonly adapter: AdapterKey;
  text = $state('');
  state = $state<AnswerState>('waiting');
  tokens = $state.raw<readonly ChatToken[]>([]);
  tokenCount = $state(0);
  seconds = $state(0);
  /** The model and adapter that answer; missing until the answer is there. */
  origin = $state.raw<Origin>();
  /** The model's prompt; missing until the answer is there. */
  prompt = $state.raw<RenderedPrompt>();
  /** The passages in that prompt; missing without documents. */
  passages = $state.raw<AnswerPassages>();
  /** Why it ended; not kept. */
  finish = '';
  /** The conversation that it answers; not kept. */
  asked: readonly Message[] | undefined;
  failure = $state.raw<Failure>();

  constructor(adapter: AdapterKey) {
    this.adapter = adapter;
  }

  static of({ adapter, ...kept }: KeptAnswer): Answer {
    return Object.assign(new Answer(adapter), kept);
  }

  /** @param last whether its tokens are worth their room */
  kept(last: boolean): KeptAnswer {
    const { adapter, text, state, tokens, tokenCount, seconds, origin, prompt, passages } = this;
    return {
      ...{ adapter, text, tokenCount, seconds },
      // An answer without an end by then never gets one.
      state: state === 'done' || state === 'failed' ? state : 'stopped',
      tokens: last ? tokens : [],
      ...(origin && { origin }),
      ...(prompt && { prompt }),
      ...(passages && { passages }),
    };
  }
}

/** Names are hidden until a vote. */
export class Blind {
  /** Whether the right side stands first. */
  readonly swapped: boolean;
  vote = $state<Vote>();

  constructor(swapped: boolean, vote?: Vote) {
    this.swapped = swapped;
    this.vote = vote;
  }
}

export interface Turn {
  readonly prompt: string;
  readonly answers: readonly [Answer, Answer];
  readonly blind?: Blind;
}

/** The model that wrote an answer. */
const writerOf = ({ origin }: Answer): string => origin?.adapter?.name ?? 'The base model';

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
  /** Stands before every question, if the model's template has a place for it. */
  system = $state('');
  /** How questions are asked, if a person chose; otherwise the training rows decide. */
  chosenAsking = $state<Asking>();
  /** The form of those rows; missing if it is not known. */
  taught = $state.raw<TaughtTurns>();
  /** Called before the first question: it may make a project. */
  begin: (prompt: string) => Promise<void> = async () => undefined;
  /** Finds passages of documents for a question; undefined if it is asked without any. */
  passagesFor: (prompt: string, signal: AbortSignal) => Promise<AskedPassages | Failure | undefined> =
    async () => undefined;
  /** Called with every answer that is there: it may be logged. */
  answered: (answer: Answer) => void = () => undefined;
  /** How documents are asked, as kept with the choices: state of use/documents. */
  documents = $state.raw<Readonly<Record<string, unknown>>>({});
  prompt = $state('');
  /** A prompt that the page filled in, which a person may write over. */
  suggested = $state('');
  busy = $state(false);
  /** Whether answers to the next question are voted on without their names. */
  blind = $state(false);
  failure = $state.raw<Failure>();
  #request: AbortController | undefined;
  /** While answers that are there are being kept: the next question waits for that. */
  #keeping: Promise<void> | undefined;
  /** The latest request for the form of rows: an earlier one waits for it. */
  #learning: Promise<void> | undefined;
  readonly #session: SessionState;
  readonly #kept: ResultsState;
  readonly #preferences: PreferencesState;

  constructor(session: SessionState, kept: ResultsState, preferences: PreferencesState) {
    this.#session = session;
    this.#kept = kept;
    this.#preferences = preferences;
  }

  /** How the next question is asked. */
  get asking(): Asking {
    return this.chosenAsking ?? usualAsking(this.taught);
  }

  /** The usual value does not count as a choice: it keeps following the rows. */
  chooseAsking(asking: Asking): void {
    this.chosenAsking = asking === usualAsking(this.taught) ? undefined : asking;
  }

  /** Fills in a prompt that a person may write over. */
  suggest(prompt: string): void {
    this.prompt = this.suggested = prompt;
  }

  /** The same, but what a person has written stays: rows may be opened while they write. */
  suggestUnlessWritten(prompt: string): void {
    if (this.prompt === '' || this.prompt === this.suggested) this.suggest(prompt);
  }

  /** Finds out on which form of rows both sides were tuned. @param sides as they are asked */
  learnTurns(sides: readonly AdapterKey[] = this.sides): Promise<void> {
    const learning: Promise<void> = this.#session.worker.taughtTurns(sides.map(choiceOf)).then((outcome) => {
      if (learning !== this.#learning) return this.#learning;
      if (outcome.ok) this.taught = outcome.turns;
      return undefined;
    });
    return (this.#learning = learning);
  }

  /** The prompts of both sides for a question: a single one if they are equal; none while no model is open. */
  async preview(prompt: string): Promise<readonly RenderedPrompt[]> {
    const past = this.blind ? [] : this.turns;
    const conversations = ([0, 1] as const).map((side) => this.#messages(past, side, prompt));
    const outcome = await this.#session.worker.previewPrompts(conversations);
    if (!outcome.ok) return [];
    const [left, right] = outcome.prompts;
    return left.text === right.text ? [left] : [left, right];
  }

  /** Another order for each vote, and the same orders when everything is repeated. */
  #isTurned(turns: number): boolean {
    return new Random(this.settings.seed + this.#preferences.count + turns).below(2) === 1;
  }

  async ask(prompt: string): Promise<void> {
    if (this.#keeping) await this.#keeping;
    if (this.busy || prompt.trim() === '') return;
    this.busy = true;
    this.failure = undefined;
    const { signal } = (this.#request = new AbortController());
    const before = this.turns;
    const answers = [new Answer(this.sides[0]), new Answer(this.sides[1])] as const;
    const blind = this.blind ? new Blind(this.#isTurned(before.length)) : undefined;
    const past = blind ? [] : before;
    const turns = (this.turns = [...before, { prompt, answers, ...(blind && { blind }) }]);
    const ready = await this.#session.ensureModel();
    // Another project may have been opened meanwhile, and nothing of this question is for that one.
    if (this.turns !== turns) {
      this.busy = false;
      return;
    }
    if (ready) {
      // The next question may be written already.
      if (this.prompt === prompt) this.prompt = '';
      await this.begin(prompt);
      const { project } = this.#kept;
      await this.learnTurns();
      const passages = await this.passagesFor(prompt, signal);
      if (passages && 'what' in passages) {
        if (passages.code === 'worker-aborted') this.#session.announcer.say(passages.what);
        else this.failure = passages;
        this.turns = before;
        if (this.prompt === '') this.prompt = prompt;
        this.busy = false;
        return;
      }
      await this.#keep(project, turns);
      for (const side of [0, 1] as const)
        await this.#answer(answers[side], this.#messages(past, side, prompt), {
          ...{ passages, signal },
          draw: blind ? side : 0,
        });
      await (this.#keeping = this.#keep(project, turns));
      this.#keeping = undefined;
      this.#session.announcer.say(signal.aborted ? 'Stopped.' : 'Both answers are there.');
    } else {
      this.failure = this.#session.modelFailure;
      this.turns = before;
    }
    this.busy = false;
  }

  async #keep(project: string | undefined, turns: readonly Turn[]): Promise<void> {
    const kept = turns.map(({ prompt, answers: [left, right], blind }, at) => {
      const last = at === turns.length - 1;
      return {
        prompt,
        answers: [left.kept(last), right.kept(last)] as const,
        ...(blind && { blind: { swapped: blind.swapped, ...(blind.vote && { vote: blind.vote }) } }),
      };
    });
    const failure = await this.#kept.keep(project, { chat: { turns: kept } });
    if (failure && project === this.#kept.project) this.failure = failure;
  }

  /** The conversation that the project keeps; nothing if it keeps none. */
  show(conversation: Conversation | undefined): void {
    this.turns = (conversation?.turns ?? []).map(({ prompt, answers: [left, right], blind }) => ({
      prompt,
      answers: [Answer.of(left), Answer.of(right)],
      ...(blind && { blind: new Blind(blind.swapped, blind.vote) }),
    }));
  }

  /** The turn that waits for a vote. */
  get votable(): Turn | undefined {
    const last = this.turns.at(-1);
    const ended = last?.answers.every(({ state }) => state === 'done' || state === 'stopped');
    return !this.busy && ended && last?.blind && !last.blind.vote ? last : undefined;
  }

  /** Keeps a vote, and shows which side wrote which answer. */
  async vote(vote: Vote): Promise<void> {
    const turn = this.votable;
    if (!turn?.blind) return;
    const [left, right] = turn.answers;
    if (vote !== 'none' && left.text === right.text) return;
    turn.blind.vote = vote;
    const { turns } = this;
    const { project } = this.#kept;
    const [first, second] = turn.blind.swapped ? [right, left] : [left, right];
    if (vote === 'none') await this.#preferences.tie();
    else {
      const [chosen, rejected] = vote === 'first' ? [first, second] : [second, first];
      await this.#preferences.add({
        prompt: this.#messages([], 0, turn.prompt),
        chosen: chosen.text,
        rejected: rejected.text,
        by: 'vote',
        names: [writerOf(chosen), writerOf(rejected)],
        time: Date.now(),
      });
      this.#session.announcer.say(`${writerOf(chosen)} wrote the better answer.`);
    }
    await this.#keep(project, turns);
  }

  /** The conversation that an answer was given to. After a reload, as it would be asked now. @param at the place of the turn */
  askedOf(at: number, side: 0 | 1): readonly Message[] {
    const { prompt, answers, blind } = this.turns[at];
    const { asked, passages } = answers[side];
    return (
      asked ?? this.#messages(blind ? [] : this.turns.slice(0, at), side, passages ? passages.text : prompt)
    );
  }

  /** Nothing was asked, as in a new project. */
  forget(): void {
    if (this.busy) this.stop();
    this.turns = [];
    this.failure = undefined;
    this.suggest('');
    this.taught = undefined;
    this.#learning = undefined;
    this.load(undefined);
  }

  /** The choices of how to ask, which are kept next to the conversation. */
  get choices(): object {
    const { sides, settings, system, chosenAsking, blind, documents } = this;
    return {
      ...{ sides: [...sides], settings },
      ...(system !== '' && { system }),
      ...(chosenAsking && { asking: chosenAsking }),
      ...(blind && { blind }),
      ...(Object.keys(documents).length > 0 && { documents }),
    };
  }

  /** @param kept as the project has it: a value of the wrong type gets its initial value */
  load(kept: unknown): void {
    const { sides, settings, system, asking, blind, documents } = isObject(kept) ? kept : {};
    this.blind = blind === true;
    this.documents = isObject(documents) ? documents : {};
    const [left, right] = Array.isArray(sides) ? (sides as unknown[]) : [];
    this.sides = typeof left === 'string' && typeof right === 'string' ? [left, right] : ['base', 'current'];
    const values = isObject(settings) ? settings : {};
    const fits = Object.keys(START).filter((key) => Number.isFinite(values[key]));
    this.settings = { ...START, ...Object.fromEntries(fits.map((key) => [key, values[key]])) };
    this.system = typeof system === 'string' ? system : '';
    this.chosenAsking = asking === 'alone' || asking === 'conversation' ? asking : undefined;
  }

  stop(): void {
    this.#request?.abort();
  }

  /** Asks the last prompt again, with another seed if answers are sampled. */
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

  /** The system prompt that the open model is given; empty for none. */
  get givenSystem(): string {
    return this.#session.model?.systemPrompt === false ? '' : this.system.trim();
  }

  #messages(turns: readonly Turn[], side: 0 | 1, prompt: string): Message[] {
    const system = this.givenSystem;
    // A question that this side could not answer is left out.
    const past = (this.asking === 'alone' ? [] : turns)
      .filter(({ answers }) => answers[side].state !== 'failed')
      .flatMap(({ prompt: asked, answers }): Message[] => [
        { role: 'user', content: asked },
        { role: 'assistant', content: answers[side].text },
      ]);
    return [
      ...(system === '' ? [] : [{ role: 'system' as const, content: system }]),
      ...past,
      { role: 'user', content: prompt },
    ];
  }

  /** @param draw added to the seed: two answers of one model that are voted on should differ */
  async #answer(
    answer: Answer,
    messages: readonly Message[],
    {
      passages,
      draw,
      signal,
    }: {
      readonly passages: AskedPassages | undefined;
      readonly draw: number;
      readonly signal: AbortSignal;
    },
  ): Promise<void> {
    if (signal.aborted) {
      answer.state = 'stopped';
      return;
    }
    answer.state = 'writing';
    answer.asked = messages;
    const outcome = await this.#session.worker.chat(
      choiceOf(answer.adapter),
      messages,
      { ...this.settings, seed: this.settings.seed + draw },
      (text) => {
        if (answer.state === 'writing') answer.text += text;
      },
      passages,
      signal,
    );
    if (outcome.ok) {
      answer.text = outcome.text;
      answer.tokens = outcome.tokens;
      answer.tokenCount = outcome.tokens.length;
      answer.origin = outcome.origin;
      answer.prompt = outcome.prompt;
      if (outcome.passages) {
        answer.passages = outcome.passages;
        answer.asked = [...messages.slice(0, -1), { role: 'user', content: outcome.passages.text }];
      }
      answer.seconds = outcome.seconds;
      answer.finish = outcome.finish;
      answer.state = signal.aborted ? 'stopped' : 'done';
      this.answered(answer);
    } else {
      answer.failure = outcome;
      answer.state = 'failed';
    }
  }
}
