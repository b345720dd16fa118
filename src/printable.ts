/** What no text may do to a terminal or a page, made visible. */

/**
 * Control characters (C0, DEL, C1) but line ends and tabs, and the characters that reorder the text around them
 * (https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters).
 */
const COMMANDS = /[^\P{Cc}\n\t\r]|\r(?!\n)|[\u202a-\u202e\u2066-\u2069]/gu;

/**
 * The text with each character that a terminal would obey as its number: names, columns, answers and messages of others may hold escape sequences.
 * The number is written as JSON writes it, so that JSON stays the same JSON.
 */
export function printable(text: string): string {
  return text.replaceAll(COMMANDS, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
