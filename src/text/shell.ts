/** Words as a line for a POSIX shell: words with special characters are quoted. */
export function shellLine(words: readonly string[]): string {
  return words.map(shellWord).join(' ');
}

/** A word for a POSIX shell, in single quotes if it is empty or has special characters. */
export function shellWord(word: string): string {
  return /^[\w./,:@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
