/** Warns before a run of answers that its model cannot write. */
import { leftWords, unwritableWords } from '../data/unwritable.ts';
import { checkAnswers, trainsHead, type Answers } from '../runs/answers-check.ts';
import { flagText } from '../settings/flag-text.ts';
import { settingOf, TABLE } from '../settings/table.ts';
import { shellWord } from '../text/shell.ts';
import type { Output } from './output.ts';
import type { SplitRows } from './open-rows.ts';
import type { RunSpec } from '../settings/spec.ts';

/** @throws GraftError as `openWeights` */
export async function warnOfAnswers(
  model: Omit<Answers, 'rows' | 'trainsHead'>,
  { placed }: Pick<SplitRows, 'placed'>,
  options: RunSpec,
  output: Output,
): Promise<void> {
  const found = await checkAnswers({
    ...model,
    rows: placed.filter(({ fate }) => fate === 'train'),
    trainsHead: trainsHead(model.definition, options),
  });
  if (!found) return;
  output.line(`Warning: ${unwritableWords(found)}`);
  const setting = settingOf('addTokens');
  const tokens = [...(options.addTokens ?? []), ...found.tokens];
  if (found.tokens.length > 0)
    output.line(
      TABLE.applies(setting, { method: options.method })
        ? `They can be new tokens: --add-tokens ${shellWord(String(flagText(setting, tokens)))}`
        : 'LoRA can add tokens for them (--add-tokens).',
    );
  const left = leftWords(found, 'train the head as well: --modules-to-save lm_head');
  if (left !== undefined) output.line(left);
}
