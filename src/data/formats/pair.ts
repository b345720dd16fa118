/**
 * Pairs for preference objectives: `{"prompt": "…", "chosen": "…", "rejected": "…"}` as texts, or as lists of messages; the prompt may also be what
 * two whole conversations start with. Ready tokens are `prompt_ids`, `chosen_ids` and `rejected_ids`.
 */
import type { JsonObject } from '../../json.ts';
import { IGNORED, saidBy, type PairSide, type TrainableMessage } from '../../text/trainable.ts';
import { contextOf, messagesOf, requireAnswer } from './messages.ts';
import { answerTextOf, BadRow, textOf, type RowFormat } from './row.ts';
import { idsOf } from './tokens.ts';
import { toolsOf } from './tools.ts';
import { refuseUntrained } from './untrained.ts';

const IDS = 'chosen_ids';

export const pairFormat: RowFormat = {
  name: 'pairs',
  fields: ['prompt', 'chosen', 'rejected', 'tools', 'prompt_ids', 'chosen_ids', 'rejected_ids'],
  matches: (row) =>
    (row.chosen !== undefined && row.rejected !== undefined) ||
    (row[IDS] !== undefined && row['rejected_ids'] !== undefined),
  read(row) {
    const [chosen, rejected] =
      row.chosen === undefined
        ? tokenSides(row)
        : Array.isArray(row.chosen) || Array.isArray(row.rejected)
          ? messageSides(row)
          : textSides(row);
    for (const side of [chosen, rejected]) refuseUntrained(side);
    if (areSame(chosen, rejected)) throw sameSides();
    return { kind: 'pair', chosen, rejected };
  },
};

const sameSides = (): BadRow =>
  new BadRow('chosen and rejected are the same, so that there is nothing to prefer', 'identical-pair');

/** Texts are compared as they are: copies of a million of them take a second. */
const areSame = (chosen: PairSide, rejected: PairSide): boolean =>
  chosen.kind === 'completion' && rejected.kind === 'completion'
    ? chosen.completion === rejected.completion && chosen.prompt === rejected.prompt
    : JSON.stringify(chosen) === JSON.stringify(rejected);

type Sides = readonly [chosen: PairSide, rejected: PairSide];

function textSides({ prompt, chosen, rejected, tools }: JsonObject): Sides {
  if (prompt === undefined)
    throw new BadRow(
      'prompt is missing: give it next to chosen and rejected, or give both as whole lists of messages',
    );
  const before = Array.isArray(prompt) ? undefined : textOf(prompt, 'prompt');
  const answers = [answerTextOf(chosen, 'chosen'), answerTextOf(rejected, 'rejected')] as const;
  if (before === undefined) {
    const given = toolsOf(tools);
    const turns = contextOf(messagesOf(prompt, 'prompt'));
    const side = (content: string): PairSide => ({
      kind: 'messages',
      messages: [...turns, { role: 'assistant', content }],
      ...(given && { tools: given }),
    });
    return [side(answers[0]), side(answers[1])];
  }
  const side = (completion: string): PairSide => ({ kind: 'completion', prompt: before, completion });
  return [side(answers[0]), side(answers[1])];
}

/** A separate prompt stands before both; otherwise the prompt is their common start. */
function messageSides(row: JsonObject): Sides {
  const chosen = messagesOf(row.chosen, 'chosen');
  const rejected = messagesOf(row.rejected, 'rejected');
  let common = 0;
  while (common < Math.min(chosen.length, rejected.length) && isSame(chosen[common], rejected[common]))
    common++;
  if (common === chosen.length && common === rejected.length) throw sameSides();
  const given = promptOf(row.prompt, common);
  const tools = toolsOf(row.tools);
  const side = (messages: readonly TrainableMessage[], field: string): PairSide => {
    const answers = messages.slice(common);
    requireAnswer(answers, field);
    return {
      kind: 'messages',
      messages: [...given, ...contextOf(messages.slice(0, common)), ...answers],
      ...(tools && { tools }),
    };
  };
  const sides = [side(chosen, 'chosen'), side(rejected, 'rejected')] as const;
  if (given.length + common === 0)
    throw new BadRow(
      'prompt is missing, and chosen and rejected start differently: they have no common prompt',
    );
  return sides;
}

/** A text next to whole conversations repeats what these start with. */
function promptOf(prompt: unknown, common: number): TrainableMessage[] {
  if (Array.isArray(prompt)) return contextOf(messagesOf(prompt, 'prompt'));
  if (prompt === undefined || prompt === null || common > 0) return [];
  return [{ role: 'user', content: textOf(prompt, 'prompt') }];
}

const isSame = (a: TrainableMessage, b: TrainableMessage): boolean =>
  a.role === b.role && saidBy(a) === saidBy(b);

function tokenSides(row: JsonObject): Sides {
  const prompt = idsOf(row['prompt_ids'], 'prompt_ids');
  const side = (field: 'chosen_ids' | 'rejected_ids'): PairSide => {
    const answer = idsOf(row[field], field);
    return {
      kind: 'tokens',
      ids: [...prompt, ...answer],
      labels: [...prompt.map(() => IGNORED), ...answer],
    };
  };
  return [side('chosen_ids'), side('rejected_ids')];
}
