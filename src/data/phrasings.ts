/**
 * Several phrasings of one prompt, so that a model learns the task and not a sentence: templates with a line `{{or}}` between them. Which one a row
 * gets is drawn by its line and a seed, 0 or the number in `{{or 7}}`: the same file gives the same rows.
 */
import { Random } from '../random.ts';

const OR = /^\s*\{\{\s*or(?:\s+(\d{1,9}))?\s*\}\}\s*$/;

interface Phrasings {
  /** At least one. */
  readonly templates: readonly string[];
  readonly seed: number;
}

/** The phrasings of a prompt's template; the template itself if it has no `{{or}}`. */
export function phrasingsOf(prompt: string): Phrasings {
  const templates: string[][] = [[]];
  let seed: number | undefined;
  for (const line of prompt.split('\n')) {
    const found = OR.exec(line);
    if (!found) templates[templates.length - 1].push(line);
    else {
      templates.push([]);
      if (found[1] !== undefined) seed ??= Number(found[1]);
    }
  }
  return { templates: templates.map((lines) => lines.join('\n')), seed: seed ?? 0 };
}

/** Phrasings as one template. */
export function joinPhrasings({ templates, seed }: Phrasings): string {
  return templates.join(seed === 0 ? '\n{{or}}\n' : `\n{{or ${seed}}}\n`);
}

/** Which of `count` phrasings a row gets. @param line where it starts in its file */
export function drawPhrasing(count: number, seed: number, line: number): number {
  return count === 1 ? 0 : new Random(seed * 2 ** 32 + line).below(count);
}
