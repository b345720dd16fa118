/**
 * The methods of tuning that a person chooses among, the same in the form of a run and in the guide. Methods and objectives come from their
 * registries; the others are supervised runs that differ by their rows.
 */
import { REGISTRY, type Objective } from '../../settings/registry.ts';
import type { Contribution } from '../../settings/setting.ts';
import type { RowKind, FormSpec } from '../../worker/api.ts';

/** What a method learns from: a kind of rows, or rows with another origin. */
export type Needs = RowKind | 'text' | 'tasks' | 'template' | 'adapter' | 'feedback';

/** The settings that choose it. */
export type MethodChoice = Pick<FormSpec, 'method' | 'objective'>;

export interface TuningMethod {
  readonly name: string;
  readonly label: string;
  readonly help: string;
  readonly changes?: string;
  readonly wrong?: string;
  readonly needs: Needs;
  readonly choice: MethodChoice;
}

export interface MethodGroup {
  readonly name: string;
  readonly methods: readonly TuningMethod[];
}

const { methods: WHAT_LEARNS } = REGISTRY;
// The page opens language models only.
const [SUPERVISED, ...OTHERS]: readonly Objective[] = REGISTRY.objectives.filter(
  ({ encodes }: Objective) => !encodes,
);
/** The method that is trained, if an entry does not say. */
const USUAL: MethodChoice = { method: WHAT_LEARNS[0].name, objective: SUPERVISED.name };

function methodOf(
  { name, label, help, choice }: Contribution,
  needs: Needs,
  chosen: MethodChoice,
): TuningMethod {
  return { name, label, help, ...choice, needs, choice: { ...USUAL, ...chosen } };
}

const BY_ROWS: readonly Omit<TuningMethod, 'choice'>[] = [
  {
    name: 'text',
    label: 'Raw text',
    help: 'Continued pre-training: learns from text, with a loss on every token.',
    changes: 'How the model writes and what it knows of a field, as far as an adapter holds it.',
    wrong: 'It should answer questions: plain text teaches the model to continue a text, not to answer.',
    needs: 'text',
  },
  {
    name: 'tasks',
    label: 'Several tasks',
    help: 'One adapter learns several data sets, with a share of the steps for each.',
    changes: 'One adapter for all of them, in the place of one for each.',
    wrong: 'The tasks contradict each other, or one is never used without its own adapter.',
    needs: 'tasks',
  },
  {
    name: 'stages',
    label: 'Sequential fine-tuning',
    help: 'Continues from an adapter of the library: general first, then the speciality.',
    changes: 'A copy of that adapter; what it learned before may fade.',
    wrong: 'The stages have nothing to do with each other: a new adapter forgets nothing.',
    needs: 'adapter',
  },
  {
    name: 'templates',
    label: 'Instruction templates',
    help: 'A table becomes instructions in several phrasings, so that the task is learned and not a sentence.',
    changes: 'How the model does one task, however it is asked.',
    wrong: 'The rows are instructions already, in the words in which people will ask.',
    needs: 'template',
  },
  {
    name: 'feedback',
    label: 'Feedback',
    help: 'Answers that were judged or corrected in Use become rows of a short further run.',
    changes: 'What people corrected, little by little.',
    wrong: 'There are only a handful of corrections: the model overfits on them.',
    needs: 'feedback',
  },
];

export const METHOD_GROUPS: readonly MethodGroup[] = [
  {
    name: 'Answers to learn: what learns them',
    methods: WHAT_LEARNS.map((one) => methodOf(one, SUPERVISED.rows, { method: one.name })),
  },
  {
    name: 'The same run, from other rows',
    methods: BY_ROWS.map((one) => ({ ...one, choice: USUAL })),
  },
  {
    name: 'Preferences',
    methods: OTHERS.filter(({ samples }) => !samples).map((one) =>
      methodOf(one, one.rows, { objective: one.name }),
    ),
  },
  {
    name: 'Rewards',
    methods: OTHERS.filter(({ samples }) => samples).map((one) =>
      methodOf(one, one.rows, { objective: one.name }),
    ),
  },
];

export const TUNING_METHODS: readonly TuningMethod[] = METHOD_GROUPS.flatMap(({ methods }) => methods);
