/** What the model should do and how one will know: two texts of the person's own, kept with the project. */

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

export class Task {
  title = $state('');
  success = $state('');
  /** Called when a text was changed by hand. */
  keep: () => void = () => undefined;

  get texts(): TaskTexts {
    return { title: this.title, success: this.success };
  }

  /** As {@link suitedTexts}. */
  suit(sample: SampleTask | undefined, samples: readonly SampleTask[]): void {
    const { title, success } = suitedTexts(this.texts, sample, samples);
    this.title = title;
    this.success = success;
  }

  /** @param texts as the project has them: validated here */
  load(texts: unknown): void {
    const { title = '', success = '' } = textsOf(texts ?? takeOld());
    this.title = title;
    this.success = success;
  }
}

function textsOf(value: unknown): Partial<TaskTexts> {
  if (typeof value !== 'object' || value === null) return {};
  return {
    ...('title' in value && typeof value.title === 'string' && { title: value.title }),
    ...('success' in value && typeof value.success === 'string' && { success: value.success }),
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
