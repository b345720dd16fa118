/** What a tokenizer and its template make of single rows, for the rules that need a model. */
import { GraftError } from '../../errors.ts';
import { UNSTABLE_NOTE } from '../../text/chat-spans.ts';
import { renderChat } from '../../text/chat-template.ts';
import { applyLimit, type OverlongPolicy } from '../../text/limit.ts';
import { renderExample, type RenderExampleOptions } from '../../text/loss-mask.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import { IGNORED, singleOf } from '../../text/trainable.ts';
import type { Example } from '../example.ts';
import { MAX_EXAMPLE_CHARS } from '../prepare.ts';
import type { CheckTokens, RowTokens } from './finding.ts';
import { wholeRowText } from './texts.ts';

export interface TokenOptions extends RenderExampleOptions {
  /** Tokens of a row, 2 or more. */
  readonly maxLength: number;
  readonly overlong: OverlongPolicy;
  /** Rows of the model's embedding. */
  readonly vocabSize: number;
}

const REFUSED: RowTokens = {
  ...{ refused: true, supervised: 0, answerCut: false, stable: true, systemDropped: false },
};

/** The tokenizer or template did too much work: other rows would end in the same way. */
const STOPPED = new Set(['chat-template-budget', 'tokenizer-pattern']);

/** The special tokens of a tokenizer that rows are checked for. */
export function specialsOf(tokenizer: Tokenizer): Pick<CheckTokens, 'startId' | 'isEnd' | 'isBlank'> {
  return {
    startId: tokenizer.startId ?? tokenizer.bosId,
    isEnd: (id) => tokenizer.eosIds.includes(id) || tokenizer.isSpecial(id),
    isBlank: (id) => tokenizer.decode([id]).trim() === '',
  };
}

/** @throws GraftError `chat-template-budget`, `tokenizer-pattern`; what is wrong with a single row is in the result */
export function tokensOfRow(example: Example, tokenizer: Tokenizer, options: TokenOptions): RowTokens {
  // A document becomes as many rows as it fills: nothing of it is cut.
  if (example.kind === 'text' && example.document)
    return { ...REFUSED, refused: false, supervised: example.text.length };
  if (wholeRowText(example).length > MAX_EXAMPLE_CHARS) return REFUSED;
  try {
    const rendered = renderExample(example, tokenizer, options);
    if (rendered.ids.some((id) => id >= options.vocabSize)) return REFUSED;
    const { row, supervised, removed } = applyLimit(
      rendered,
      options.maxLength,
      options.overlong,
      tokenizer.bosId,
    );
    const isLearned = (label: number, at: number): boolean => at > 0 && label !== IGNORED;
    return {
      rendered,
      refused: false,
      supervised,
      // A row that is dropped for its length is not learned from at all.
      answerCut:
        row !== undefined &&
        removed.some(([start, end]) =>
          rendered.labels.slice(start, end).some((label, at) => isLearned(label, start + at)),
        ),
      stable: !rendered.notes.includes(UNSTABLE_NOTE),
      systemDropped: dropsSystem(example, tokenizer, options),
    };
  } catch (error) {
    if (!(error instanceof GraftError) || STOPPED.has(error.code)) throw error;
    return REFUSED;
  }
}

/** Whether the template leaves out what a system message says. */
function dropsSystem(given: Example, tokenizer: Tokenizer, options: TokenOptions): boolean {
  const example = singleOf(given);
  const template = options.template === undefined ? tokenizer.chatTemplate : options.template;
  if (example.kind !== 'messages' || template === undefined || template === null) return false;
  const said = example.messages.filter(({ role, content }) => role === 'system' && content.trim() !== '');
  if (said.length === 0) return false;
  const { bosToken, eosToken } = tokenizer;
  const { templateVariables: variables, now } = options;
  const text = renderChat(template, example.messages, {
    ...{ addGenerationPrompt: false, bosToken, eosToken, variables, now, tools: example.tools },
  });
  return said.some(({ content }) => !text.includes(content.trim()));
}

/** The tokens of the row that is asked for, which several rules ask for one after another. @param exampleOf the example of a row */
export function tokensOnce(
  exampleOf: (row: number) => Example | undefined,
  make: (example: Example) => RowTokens,
): (row: number) => RowTokens | undefined {
  let last: { readonly row: number; readonly tokens: RowTokens | undefined } | undefined;
  return (row) => {
    if (last?.row !== row) {
      const example = exampleOf(row);
      last = { row, tokens: example && make(example) };
    }
    return last.tokens;
  };
}
