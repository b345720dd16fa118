/** Blocks of code of a page of Markdown, and the commands in them as words, as a shell divides them. */

export interface CodeBlock {
  /** What stands behind the fence: `sh`, `json`, nothing. */
  readonly language: string;
  readonly text: string;
}

export function codeBlocks(markdown: string): CodeBlock[] {
  return [...markdown.matchAll(/^```(\w*)\n(.*?)^```/gms)].map(([, language, text]) => ({ language, text }));
}

/** The words of each command, without comments, redirections and quotes. */
export function shellCommands(text: string): string[][] {
  return text
    .replaceAll('\\\n', ' ')
    .split('\n')
    .flatMap((line) => {
      const commands: string[][] = [[]];
      for (const word of wordsOf(line)) {
        if (['&&', '|', ';'].includes(word)) commands.push([]);
        else commands[commands.length - 1].push(word);
      }
      return commands
        .map((words) => withoutRedirection(words).map(unquoted))
        .filter((words) => words.length > 0);
    });
}

/** Words with their quotes, up to a comment. */
function wordsOf(line: string): string[] {
  const words = [...line.matchAll(/(?:'[^']*'|"[^"]*"|\\.|[^\s'"\\])+/g)].map(([word]) => word);
  const comment = words.findIndex((word) => word.startsWith('#'));
  return comment < 0 ? words : words.slice(0, comment);
}

const withoutRedirection = (words: readonly string[]): string[] =>
  words.filter((word, at) => !/^[<>]/.test(word) && !/^[<>]$/.test(words[at - 1] ?? ''));

const unquoted = (word: string): string =>
  word.replaceAll(
    /'([^']*)'|"([^"]*)"|\\(.)/g,
    (_, single?: string, double?: string, escaped?: string) => single ?? double ?? escaped ?? '',
  );
