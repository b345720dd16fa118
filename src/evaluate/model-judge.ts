/** A model compares two answers to a question by the likelihood of “A” and “B” after a prompt, with the answers in both orders. Nothing is generated. */
import { scoreChoices, type AskedChoices } from '../model/choice-scores.ts';
import type { LanguageModel } from '../model/language-model.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { promptOf } from './answer.ts';
import { ChoiceTokens, choicesOf } from './choices.ts';
import type { JudgedPair, JudgingPrompt } from './judging-prompt.ts';
import type { ModelTurn } from './record.ts';

/** In the order of their answers in the prompt. */
const VERDICTS = choicesOf(['A', 'B']);
/** The same after a prompt that a model without a chat template continues: its last line ends without a space. */
const CONTINUED = choicesOf([' A', ' B']);

/** As in a record; null for a pair whose prompts do not fit into the model's window. */
export type Leans = ModelTurn['leans'] | null;

/**
 * Judges pairs one after the other.
 *
 * @param onJudged gets each verdict, in the order of the pairs; throwing ends the work, and so does a promise that fails
 * @throws GraftError `judging-prompt`, `chat-template-…`, `engine-…`, and what `onJudged` throws
 */
export async function judgePairs(
  { model, tokenizer }: { readonly model: LanguageModel; readonly tokenizer: Tokenizer },
  prompt: JudgingPrompt,
  pairs: readonly JudgedPair[],
  onJudged: (leans: Leans) => void | Promise<void>,
): Promise<void> {
  const choices = new ChoiceTokens(tokenizer);
  const texts = tokenizer.chatTemplate === undefined ? CONTINUED : VERDICTS;
  const asked = pairs.map((pair) =>
    [false, true].map((swapped): AskedChoices => {
      const ids = promptOf(tokenizer, prompt.render(pair, swapped));
      return { prompt: ids, choices: choices.after(ids, texts) };
    }),
  );
  const { maxPositions } = model.definition.shape;
  const fits = asked.map((both) =>
    both.every(
      ({ prompt: ids, choices: verdicts }) =>
        ids.length + Math.max(...verdicts.map(({ length }) => length)) <= maxPositions,
    ),
  );
  /** Pairs whose verdict was handed over. */
  let at = 0;
  const skip = async (): Promise<void> => {
    for (; at < pairs.length && !fits[at]; at++) await onJudged(null);
  };
  await skip();
  let before = NaN;
  await scoreChoices(model, asked.filter((_, pair) => fits[pair]).flat(), undefined, async (turn, [a, b]) => {
    const lean = a - b;
    if (turn % 2 === 0) {
      before = lean;
      return;
    }
    at++;
    await onJudged([before, lean]);
    await skip();
  });
}
