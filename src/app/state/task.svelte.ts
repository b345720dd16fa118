/** What the model should do and how one will know: the task card, kept with the project. */
import {
  metricOfCard,
  targetOf,
  taskKind,
  type Target,
  type TaskCard,
  type TaskKind,
} from '../../evaluate/task-card.ts';

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
  readonly kind?: TaskKind;
  readonly metric?: string;
  readonly target?: string;
}

export class Task {
  title = $state('');
  success = $state('');
  /** The kind of task; undefined until one is chosen. */
  kind = $state<TaskKind>();
  /** The name of a metric; undefined for that of the kind. */
  metric = $state<string>();
  /** The score that counts as success, as it was typed. */
  target = $state('');
  /** Called when a text was changed by hand. */
  keep: () => void = () => undefined;

  /** As a project keeps it. */
  get kept(): KeptTask {
    const { title, success, kind, metric, target } = this;
    return {
      ...{ title, success },
      ...(kind !== undefined && { kind }),
      ...(metric !== undefined && { metric }),
      ...(target !== '' && { target }),
    };
  }

  /** The score that counts: the one that was set, else one in the person's words. */
  get wanted(): Target | undefined {
    return targetOf(this.target, this.success);
  }

  /** As a record of an evaluation has it; undefined where nothing was written. */
  get card(): TaskCard | undefined {
    const { title, kind, wanted } = this;
    if (title.trim() === '' && !wanted) return undefined;
    return {
      goal: title.trim(),
      ...(kind !== undefined && { kind }),
      metric: metricOfCard(this),
      target: wanted?.words ?? '',
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
    this.kind = this.metric = undefined;
  }

  /** @param texts as the project has it: validated here; nothing for an empty card */
  load(texts: unknown): void {
    const kept = keptOf(texts ?? takeOld());
    this.title = kept.title;
    this.success = kept.success;
    this.kind = kept.kind;
    this.metric = kept.metric;
    this.target = kept.target ?? '';
  }
}

function keptOf(value: unknown): KeptTask {
  const given = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const text = (name: string): string => (typeof given[name] === 'string' ? given[name] : '');
  const kind = taskKind(given.kind)?.name;
  const metric = text('metric');
  return {
    ...{ title: text('title'), success: text('success'), target: text('target') },
    ...(kind !== undefined && { kind }),
    ...(metric !== '' && { metric }),
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
