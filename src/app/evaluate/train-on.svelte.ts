/** One wrong answer on its way to the training rows: as a row, as a pair, or by leaving the test. */
import { askedIn, draftOf, isSameQuestion } from '../../data/from-error.ts';
import { withField } from '../../data/edit-fields.ts';
import type { Item } from '../../evaluate/record.ts';
import type { ExampleContent, Failure, ListedRow, RowsEdit } from '../../worker/api.ts';
import { editingOf } from '../data/editing.svelte.ts';
import type { Studio } from '../state/studio.svelte.ts';
import { rowOfItem } from './asked-rows.ts';

/** What was made of the answer, and what takes it back. */
interface Done {
  readonly words: string;
  /** Undefined once something else was changed after it. */
  readonly undo: () => Promise<void>;
}

/** Training rows that are looked through for one of the same file. */
const WINDOW = 500;

const failure = (what: string, remedy: string): Failure => ({ code: 'app-train-on', what, remedy });

export class TrainOn {
  /** The row as it would be trained on; undefined until it is read. */
  draft = $state.raw<ExampleContent>();
  failure = $state.raw<Failure>();
  /** Whether a change is under way. */
  busy = $state(false);
  done = $state.raw<Done>();
  #row: ListedRow | undefined;
  readonly #studio: Studio;
  readonly #item: Item;
  readonly #answer: { readonly text: string; readonly name: string };

  /** @param answer the wrong one, and who gave it */
  constructor(studio: Studio, item: Item, answer: { readonly text: string; readonly name: string }) {
    this.#studio = studio;
    this.#item = item;
    this.#answer = answer;
  }

  /** Whether the rows are pairs themselves, so that a pair is a row. */
  get isPair(): boolean {
    return this.draft?.kind === 'pair';
  }

  /** Reads the row of the answer. */
  async read(): Promise<void> {
    this.failure = undefined;
    const { worker } = this.#studio.session;
    this.#row = await rowOfItem(worker, this.#item);
    const outcome = this.#row && (await worker.writableRow(this.#row.at));
    const content = outcome?.ok ? outcome.row.content : undefined;
    if (!content || askedIn(content)?.prompt !== this.#item.prompt) {
      this.draft = undefined;
      this.failure =
        outcome?.ok === false
          ? outcome
          : failure(
              'The open rows do not have this question in their test part, or it cannot be edited.',
              'Open the rows that were measured, or measure again.',
            );
      return;
    }
    this.draft = draftOf(content, this.#answer.text);
  }

  write(id: string, written: Parameters<typeof withField>[2]): void {
    if (this.draft) this.draft = withField(this.draft, id, written);
  }

  /** Adds the draft after the training rows of its file. A question of the test or validation part is refused. */
  addRow(): Promise<void> {
    return this.#work(async () => {
      const content = this.draft;
      if (!content || !(await this.#isNew())) return;
      const after = await this.#lastTrained();
      if (!after) {
        this.failure = failure(
          'There is no training row that the new row could stand next to.',
          'Split a training part off under Data.',
        );
        return;
      }
      await this.#edit({ kind: 'add', after: after.at, content }, 'A training row is added.');
    });
  }

  /** Keeps the reference answer as chosen and the wrong one as rejected, with the project's preferences. */
  addPair(): Promise<void> {
    return this.#work(async () => {
      const asked = this.draft && askedIn(this.draft);
      if (!asked || !(await this.#isNew())) return;
      const { preferences } = this.#studio;
      const { text: rejected, name } = this.#answer;
      if (asked.expected.trim() === rejected.trim()) {
        this.failure = failure(
          'Both answers of this pair are the same.',
          'Write another answer, or choose a row that the model gets wrong.',
        );
        return;
      }
      await preferences.add({
        ...{ prompt: asked.turns, chosen: asked.expected, rejected, by: 'edit', time: Date.now() },
        names: ['You', name],
      });
      const pair = preferences.pairs.at(-1);
      const words = 'A pair is kept with your preferences under Use.';
      this.#studio.session.announcer.say(words);
      this.done = {
        words,
        undo: async () => {
          const at = preferences.pairs.findIndex((one) => one === pair);
          if (at >= 0) await preferences.remove(at);
        },
      };
    });
  }

  /** Moves the test row itself to training: the test does not ask it any more. */
  move(): Promise<void> {
    return this.#work(async () => {
      if (this.#row)
        await this.#edit(
          { kind: 'move', rows: [this.#row.at], part: 'train' },
          'The row is for training now, and the test part has one row fewer.',
        );
    });
  }

  async undo(): Promise<void> {
    const { done } = this;
    if (!done) return;
    await this.#work(async () => {
      await done.undo();
      this.done = undefined;
      this.#studio.session.announcer.say('Undone.');
    });
  }

  async #work(work: () => Promise<void>): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    this.failure = undefined;
    try {
      await work();
    } finally {
      this.busy = false;
    }
  }

  async #edit(edit: RowsEdit, words: string): Promise<void> {
    const editing = editingOf(this.#studio);
    if (!(await editing.edit(edit))) {
      this.failure = editing.failure;
      editing.failure = undefined;
      return;
    }
    const version = editing.saved;
    this.done = {
      words: `${words} It is version ${version} of the rows.`,
      undo: async () => {
        const { data } = this.#studio;
        if (data.history?.version === version) await editing.undo();
        else
          this.failure = failure(
            'The rows were changed again since.',
            'Undo the steps under Data, the latest first.',
          );
      },
    };
  }

  /** Whether the draft asks something that no held-out row asks, and is not trained on already; else `failure` says why. */
  async #isNew(): Promise<boolean> {
    const asked = this.draft && askedIn(this.draft);
    if (!asked || asked.prompt.trim() === '' || asked.expected.trim() === '') {
      this.failure = failure('A row needs a question and an answer.', 'Write both.');
      return false;
    }
    const known = await this.#studio.session.worker.lookAtFeedback([
      { id: 'draft', prompt: asked.turns, answer: '', verdict: 'bad', correction: asked.expected },
    ]);
    if (!known.ok) {
      this.failure = known;
      return false;
    }
    const found = known.findings.get('draft') ?? [];
    const leak = found.find(({ kind }) => kind === 'leak');
    if (leak || isSameQuestion(asked.prompt, this.#item.prompt)) {
      const part = leak?.kind === 'leak' ? leak.part : 'test';
      this.failure = failure(
        `The ${part} part asks this question. In training it would be a leak: the next measurement would ask what was taught.`,
        'Write the question in other words, or about another case.',
      );
      return false;
    }
    const copy = found.find(({ kind }) => kind === 'known');
    if (copy?.kind === 'known') {
      this.failure = failure(
        `Training has this row already, in line ${copy.line}.`,
        'Write another one, or train for longer.',
      );
      return false;
    }
    return true;
  }

  /** The last training row, of the same file if there is one. */
  async #lastTrained(): Promise<ListedRow | undefined> {
    const { worker } = this.#studio.session;
    const counted = await worker.listRows({ part: 'train', from: 0, count: 0 });
    if (!counted.ok) return undefined;
    const last = await worker.listRows({
      part: 'train',
      from: Math.max(0, counted.total - WINDOW),
      count: WINDOW,
    });
    if (!last.ok) return undefined;
    return last.rows.findLast(({ file }) => file === this.#row?.file) ?? last.rows.at(-1);
  }
}
