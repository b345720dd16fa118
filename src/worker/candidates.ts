/** What else might have come: the most likely tokens by the model's own logits. */
import type { Candidate } from '../model/sampling.ts';
import type { Tokenizer } from '../text/tokenizer.ts';

/** The `count` most likely tokens with their probabilities at temperature 1, most likely first. */
export function mostLikely(logits: Float32Array, count: number): Candidate[] {
  const best: number[] = [];
  for (let id = 0; id < logits.length; id++) {
    if (best.length === count && !(logits[id] > logits[best[count - 1]])) continue;
    let place = best.length;
    while (place > 0 && logits[id] > logits[best[place - 1]]) place--;
    best.splice(place, 0, id);
    if (best.length > count) best.pop();
  }
  const top = logits[best[0]];
  let total = 0;
  for (const logit of logits) total += Math.exp(logit - top);
  return best.map((id) => ({ id, probability: Math.exp(logits[id] - top) / total }));
}

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
