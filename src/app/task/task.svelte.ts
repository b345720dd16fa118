/** What the model should do and how one will know: the task card, kept with the project. */

/** Where they were kept before there were projects. */
const OLD_KEY = 'graft-task';

interface TaskTexts {
  readonly title: string;
  readonly success: string;
}

/** The texts of a bundled sample. */
export interface SampleTask {
  readonly task: string;
  readonly success: string;
}

/**
 * The texts that suit the open rows: a sample has its own, other rows have none. A person's own text stays.
 *
 * @param sample that the rows are
 * @param samples all samples: a text that equals one of theirs was not written by the person
 */
export function suitedTexts(
  { title, success }: TaskTexts,
  sample: SampleTask | undefined,
  samples: readonly SampleTask[],
): TaskTexts {
  const written = (text: string, field: keyof SampleTask): boolean =>
    text.trim() !== '' && samples.every((each) => each[field] !== text);
  return {
    title: written(title, 'task') ? title : (sample?.task ?? ''),
    success: written(success, 'success') ? success : (sample?.success ?? ''),
  };
}

/** What a project keeps. Those of earlier versions have the two texts. */
interface KeptTask extends TaskTexts {
  readonly kind?: string;
  readonly metric?: string;
  readonly target?: string;
  readonly instruction?: string;
  readonly examples?: ExampleChoice;
}

/** How examples before a question are chosen. */
export const EXAMPLE_CHOICES = ['random', 'nearest', 'similar'] as const;
type ExampleChoice = (typeof EXAMPLE_CHOICES)[number];

export class TaskState {
  title = $state('');
  success = $state('');
  /** The name of the kind of task, as the project has it; undefined until one is chosen. */
  kind = $state<string>();
  /** The name of a metric; undefined for that of the kind. */
  metric = $state<string>();
  /** The score that counts as success, as it was typed. */
  target = $state('');
  /** What the base model hears before each question, if a person wrote it; undefined for the usual sentence. */
  instruction = $state<string>();
  /** How examples before a question are chosen; undefined for the usual way of each method. */
  examples = $state<ExampleChoice>();
  /** Called when a text was changed by hand. */
  keep: () => void = () => undefined;

  /** As a project keeps it. */
  get kept(): KeptTask {
    const { title, success, kind, metric, target, instruction, examples } = this;
    return {
      ...{ title, success },
      ...(kind !== undefined && { kind }),
      ...(metric !== undefined && { metric }),
      ...(target !== '' && { target }),
      ...(instruction !== undefined && { instruction }),
      ...(examples !== undefined && { examples }),
    };
  }

  /** As {@link suitedTexts}. */
  suit(sample: SampleTask | undefined, samples: readonly SampleTask[]): void {
    const { title, success } = suitedTexts(this, sample, samples);
    this.title = title;
    this.success = success;
  }

  /** The card of an empty project. */
  forget(): void {
    this.title = this.success = this.target = '';
    this.kind = this.metric = this.instruction = this.examples = undefined;
  }

  /** @param texts as the project has it: validated here; nothing for an empty card */
  load(texts: unknown): void {
    const kept = keptOf(texts ?? takeOld());
    this.title = kept.title;
    this.success = kept.success;
    this.kind = kept.kind;
    this.metric = kept.metric;
    this.target = kept.target ?? '';
    this.instruction = kept.instruction;
    this.examples = kept.examples;
  }
}

function keptOf(value: unknown): KeptTask {
  const given = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const text = (name: string): string => (typeof given[name] === 'string' ? given[name] : '');
  const [kind, metric] = [text('kind'), text('metric')];
  const { instruction, examples } = given;
  const chosen = EXAMPLE_CHOICES.find((choice) => choice === examples);
  return {
    ...{ title: text('title'), success: text('success'), target: text('target') },
    ...(kind !== '' && { kind }),
    ...(metric !== '' && { metric }),
    ...(typeof instruction === 'string' && { instruction }),
    ...(chosen && { examples: chosen }),
  };
}

/** The first project without texts takes the old ones. */
function takeOld(): unknown {
  try {
    const old: unknown = JSON.parse(localStorage.getItem(OLD_KEY) ?? 'null');
    localStorage.removeItem(OLD_KEY);
    return old;
  } catch {
    // Storage is refused or holds something else: the task starts empty.
    return undefined;
  }
}
