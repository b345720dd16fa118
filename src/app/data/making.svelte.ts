/** Rows that a person writes one after the other, alone or from proposals of the open model. A proposal counts when the person accepts it. */
import { emptyLike, fieldsOf, withField, type Written } from '../../data/edit-fields.ts';
import { rawContentOf } from '../../data/raw-content.ts';
import type { ExampleContent, Failure, Part } from '../../worker/api.ts';
import { choiceOf } from '../use/adapters.svelte.ts';
import { ofProject } from '../state/of-studio.svelte.ts';
import type { Studio } from '../state/studio.svelte.ts';
import { plural } from '../../numbers.ts';
import { editingOf } from './editing.svelte.ts';

/** The column that says where a row comes from. */
const ORIGIN = 'made';
const BY_HAND = 'by hand';

export const MAKING_KINDS = {
  completion: { kind: 'completion', prompt: '', completion: '' },
  messages: {
    kind: 'messages',
    messages: [
      { role: 'user', content: '' },
      { role: 'assistant', content: '' },
    ],
  },
  pair: {
    kind: 'pair',
    chosen: { kind: 'completion', prompt: '', completion: '' },
    rejected: { kind: 'completion', prompt: '', completion: '' },
  },
} as const satisfies Readonly<Record<string, ExampleContent>>;

type Proposes = 'answer' | 'prompt';

/** A text that the model proposes, until the person takes it or throws it away. */
export class Proposal {
  text = $state('');
  done = $state(false);

  constructor(
    readonly number: number,
    readonly proposes: Proposes,
    /** The model that wrote it. */
    readonly by: string,
  ) {}
}

class Making {
  /** Whether the form is shown. */
  open = $state(false);
  content = $state.raw<ExampleContent>(MAKING_KINDS.completion);
  /** Rows go to training unless a person says otherwise. */
  part = $state<Part>('train');
  /** The model whose text is in the form, and perhaps changed. */
  by = $state<string>();
  made = $state(0);
  busy = $state(false);
  failure = $state.raw<Failure>();
  proposals = $state.raw<readonly Proposal[]>([]);
  proposing = $state(false);
  /** How many of the last proposals said what another one or the prompt says, and are not shown. */
  repeated = $state(0);
  count = $state(3);
  temperature = $state(0.8);
  seed = $state(1);
  maxNewTokens = $state(128);
  #request: AbortController | undefined;
  /** How many texts were proposed so far: a number is given once. */
  #proposed = 0;
  /** Keeps the row that was to be kept last. */
  #latest: () => Promise<boolean> = () => this.save();
  readonly #studio: Studio;

  constructor(studio: Studio) {
    this.#studio = studio;
  }

  /** An empty row like those that are open. What is written already stays. */
  async begin(): Promise<void> {
    const { data, session } = this.#studio;
    if (!data.summary || fieldsOf(this.content).some(({ text }) => text.trim() !== '')) return;
    const outcome = await session.worker.writableRow(data.rowAt);
    if (outcome.ok && outcome.row.content) this.content = emptyLike(outcome.row.content);
  }

  write(id: string, written: Written): void {
    this.content = withField(this.content, id, written);
  }

  /** The text that is asked, and the field of the answer. */
  get asks(): string {
    return (
      fieldsOf(this.content)
        .find(({ answers, role }) => !answers && role !== 'system')
        ?.text.trim() ?? ''
    );
  }
  get answer(): string {
    return (
      fieldsOf(this.content)
        .findLast(({ answers }) => answers)
        ?.text.trim() ?? ''
    );
  }

  /** Keeps the row that was refused, after its reason is gone. */
  again(): Promise<boolean> {
    return this.#latest();
  }

  /** Keeps the row that is written, and starts the next. @returns whether it is kept */
  async save(): Promise<boolean> {
    this.#latest = () => this.save();
    const { by, content } = this;
    if (!(await this.#add(content, by === undefined ? BY_HAND : `by ${by}, edited`))) return false;
    this.content = emptyLike(content);
    this.by = undefined;
    this.proposals = [];
    this.repeated = 0;
    return true;
  }

  /** Takes a proposal as it is: a row with it, and the rest as it is written. */
  async accept(proposal: Proposal): Promise<boolean> {
    this.#latest = () => this.accept(proposal);
    if (!(await this.#add(this.#with(proposal), `by ${proposal.by}`))) return false;
    this.throwAway(proposal);
    return true;
  }

  /** Puts a proposal in the form, to be changed before it is kept. */
  edit(proposal: Proposal): void {
    this.content = this.#with(proposal);
    this.by = proposal.by;
    this.throwAway(proposal);
  }

  throwAway(proposal: Proposal): void {
    this.proposals = this.proposals.filter((other) => other !== proposal);
  }

  #with({ proposes, text }: Proposal): ExampleContent {
    const fields = fieldsOf(this.content);
    const field =
      proposes === 'answer'
        ? fields.findLast(({ answers }) => answers)
        : fields.find(({ answers, role }) => !answers && role !== 'system');
    if (!field) return this.content;
    return withField(
      this.content,
      field.id,
      field.role ? { role: field.role, text: text.trim() } : text.trim(),
    );
  }

  /** Asks the open model for several texts, each with a seed of its own. */
  async propose(proposes: Proposes): Promise<void> {
    const { session } = this.#studio;
    const question = this.asks;
    if (question === '' || this.proposing || !(await session.ensureModel())) return;
    const by = session.model?.name ?? 'the open model';
    this.proposing = true;
    const { signal } = (this.#request = new AbortController());
    this.failure = undefined;
    this.repeated = 0;
    const words =
      proposes === 'answer'
        ? question
        : `Ask the same in other words. Write only the question.\n\n${question}`;
    const { temperature, seed, maxNewTokens, count } = this;
    for (let number = 0; number < count && !signal.aborted; number++) {
      const proposal = new Proposal(++this.#proposed, proposes, by);
      this.proposals = [...this.proposals, proposal];
      const outcome = await session.worker.chat(
        choiceOf('base'),
        [{ role: 'user', content: words }],
        { maxNewTokens, temperature, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: seed + number },
        (piece) => (proposal.text += piece),
        undefined,
        signal,
      );
      if (!outcome.ok) {
        if (!signal.aborted) this.failure = outcome;
        this.throwAway(proposal);
        break;
      }
      proposal.text = outcome.text;
      proposal.done = true;
      const said = this.#isSaid(proposal, question);
      if (said) this.repeated++;
      if (said || proposal.text.trim() === '') this.throwAway(proposal);
    }
    this.proposing = false;
    session.announcer.say(`${plural(this.proposals.length, 'proposal')} to look at.`);
  }

  /** Whether another proposal, or the prompt that it should put in other words, is the same. */
  #isSaid({ proposes, text, number }: Proposal, question: string): boolean {
    const others = this.proposals.filter((one) => one.proposes === proposes && one.number !== number);
    const said = others.map((one) => one.text.trim());
    return [...said, ...(proposes === 'prompt' ? [question] : [])].includes(text.trim());
  }

  stop(): void {
    this.#request?.abort();
  }

  end(): void {
    this.stop();
  }

  async #add(content: ExampleContent, origin: string): Promise<boolean> {
    const { data, rows } = this.#studio;
    if (this.busy) return false;
    this.busy = true;
    this.failure = undefined;
    const columns = { [ORIGIN]: origin };
    let kept: boolean;
    if (data.summary) {
      const editing = editingOf(this.#studio);
      kept = await editing.edit({ kind: 'add', after: data.rowAt, content, columns, part: this.part });
      if (!kept) this.failure = editing.failure;
      editing.failure = undefined;
    } else {
      kept = await rows.openText(
        'written.jsonl',
        `${JSON.stringify({ ...rawContentOf(content), ...columns })}\n`,
      );
      if (!kept) this.failure = data.failure;
    }
    this.busy = false;
    if (kept) this.made++;
    return kept;
  }
}

export const makingOf = ofProject((studio) => new Making(studio));
