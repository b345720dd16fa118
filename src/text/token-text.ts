import type { Tokenizer } from './tokenizer.ts';

/** What a token adds to the text after another one; a special token, or half a character, goes by its name in the vocabulary. */
export function textOfToken(id: number, before: number | undefined, tokenizer: Tokenizer): string {
  const name = tokenizer.tokenOf(id) ?? '';
  if (tokenizer.isSpecial(id)) return name;
  const context = before === undefined || tokenizer.isSpecial(before) ? [] : [before];
  const prefix = tokenizer.decode(context);
  const whole = tokenizer.decode([...context, id]);
  const text = whole.startsWith(prefix) ? whole.slice(prefix.length) : tokenizer.decode([id]);
  return text.includes('\uFFFD') || text === '' ? name : text;
}
