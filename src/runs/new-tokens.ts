/** The tokens that a run adds to the vocabulary of its base. */
import type { AdapterModule } from '../adapters/kind.ts';
import { addedTokens } from '../adapters/tokens/tokens.ts';
import type { Given } from '../settings/setting.ts';
import type { FormSpec } from '../settings/spec.ts';
import { settingOf, TABLE } from '../settings/table.ts';
import { newTokens, type NewTokens } from '../text/added-tokens.ts';
import type { Tokenizer } from '../text/tokenizer.ts';

type Chosen = Given & Pick<FormSpec, 'addTokens' | 'firstToken' | 'start'>;

/** Their texts. The specification of a form may also have those of another method. */
function textsOf(spec: Chosen): readonly string[] {
  return TABLE.applies(settingOf('addTokens'), spec) ? (spec.addTokens ?? []) : [];
}

/**
 * Those of the adapter that the run starts from, or else those that are chosen.
 *
 * @param tokenizer of the base; without it no token is chosen
 * @param start the adapter, once it is read
 * @throws GraftError `add-tokens` for a text that cannot be a token
 */
export function tokensOfRun(
  spec: Chosen,
  tokenizer: Tokenizer | undefined,
  start?: { readonly modules: readonly AdapterModule[] },
): NewTokens | undefined {
  if (start) return addedTokens(start.modules);
  const texts = textsOf(spec);
  if (texts.length === 0 || !tokenizer) return undefined;
  // The base may have the tokens of the adapter already: other programs train such rows, too.
  const first = spec.start && tokenizer.idOf(texts[0]);
  return first === undefined ? newTokens(texts, tokenizer) : { texts, first };
}

/** Those of a run that was kept with its specification. @param tokenizer of the base */
export function tokensOfKept(spec: Chosen, tokenizer: Tokenizer): NewTokens | undefined {
  const texts = textsOf(spec);
  return texts.length === 0 ? undefined : { texts, first: spec.firstToken ?? tokenizer.vocabSize };
}

/** The specification with the ids of its new tokens. */
export function withTokens<Spec extends Pick<FormSpec, 'addTokens' | 'firstToken'>>(
  spec: Spec,
  added: NewTokens | undefined,
): Spec {
  return added ? { ...spec, addTokens: added.texts, firstToken: added.first } : spec;
}

/** The vocabulary of a run: that of the model, and its new tokens. */
export function vocabularyWith(base: number, added: NewTokens | undefined): number {
  return Math.max(base, added ? added.first + added.texts.length : 0);
}
