/**
 * Single answers that are desirable or not, for KTO: `{"prompt": "…", "completion": "…", "label": true}` as texts, or as lists of messages. Ready
 * tokens are `prompt_ids`, `completion_ids` and `desirable`.
 */
import type { JsonObject } from '../../json.ts';
import { IGNORED, type PairSide } from '../../text/trainable.ts';
import { completionFormat } from './completion.ts';
import { BadRow, shown, type RowFormat } from './row.ts';
import { idsOf } from './tokens.ts';
import { refuseUntrained } from './untrained.ts';

/** How people and programs write the two labels, ignoring capitals and spaces. */
const GOOD = new Set('true 1 +1 yes good up thumbs_up desirable 👍'.split(' '));
const BAD = new Set('false 0 -1 no bad down thumbs_down undesirable 👎'.split(' '));

export const unpairedFormat: RowFormat = {
  name: 'unpaired',
  fields: ['prompt', 'completion', 'label', 'prompt_ids', 'completion_ids', 'desirable'],
  matches: (row) =>
    (row.completion !== undefined && row.label !== undefined) || row['completion_ids'] !== undefined,
  read(row) {
    const ready = row.completion === undefined;
    const answer = ready ? tokensOf(row) : (completionFormat.read(row) as PairSide);
    refuseUntrained(answer);
    return {
      kind: 'unpaired',
      answer,
      desirable: ready ? labelOf(row['desirable'], 'desirable') : labelOf(row.label, 'label'),
    };
  },
};

function labelOf(value: unknown, field: string): boolean {
  if (value === undefined) throw new BadRow(`${field} is missing`);
  const word = String(value).trim().toLowerCase().replaceAll(' ', '_');
  if (typeof value !== 'object' && GOOD.has(word)) return true;
  if (typeof value !== 'object' && BAD.has(word)) return false;
  throw new BadRow(
    `${field} is ${shown(value)}, but true (a good answer) or false is needed; if it means something else, say which columns are prompt and answer`,
  );
}

function tokensOf(row: JsonObject): PairSide {
  const prompt = idsOf(row['prompt_ids'], 'prompt_ids');
  const answer = idsOf(row['completion_ids'], 'completion_ids');
  return {
    kind: 'tokens',
    ids: [...prompt, ...answer],
    labels: [...prompt.map(() => IGNORED), ...answer],
  };
}
