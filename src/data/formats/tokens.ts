/**
 * Ready token rows: `{"ids": [1, 403, …], "labels": [-100, 403, …]}`, as Hugging Face has them (`input_ids` is taken too). A label is
 * -100 or the id at its place; without labels everything is learnt.
 */
import { IGNORED } from '../../text/trainable.ts';
import { BadRow, shown, type RowFormat } from './row.ts';

/** Ids are uint32 on the GPU; whether a model has the id is checked where the model is known. */
const MAX_ID = 2 ** 31 - 1;

/** A checked list of token ids. Throws BadRow. */
export function idsOf(value: unknown, field = 'ids'): number[] {
  if (!Array.isArray(value))
    throw new BadRow(`${field} is ${shown(value)}, but a list of token ids is needed`);
  if (value.length === 0) throw new BadRow(`${field} is empty`);
  value.forEach((id: unknown, t) => {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id > MAX_ID) {
      throw new BadRow(`${field}[${t}] is ${shown(id)}, which is not a token id`);
    }
  });
  return value as number[];
}

export const tokensFormat: RowFormat = {
  name: 'tokens',
  fields: ['ids', 'input_ids', 'labels'],
  matches: (row) => row.ids !== undefined || row.input_ids !== undefined,
  read(row) {
    const ids = idsOf(row.ids ?? row.input_ids);
    if (row.labels === undefined) return { kind: 'tokens', ids, labels: ids };
    if (!Array.isArray(row.labels)) throw new BadRow(`labels is ${shown(row.labels)}, but a list is needed`);
    const labels: unknown[] = row.labels;
    if (labels.length !== ids.length)
      throw new BadRow(`there are ${ids.length} ids and ${labels.length} labels`);
    labels.forEach((label, t) => {
      if (label !== IGNORED && label !== ids[t]) {
        throw new BadRow(`labels[${t}] is ${shown(label)}, but ${IGNORED} or the id ${ids[t]} is needed`);
      }
    });
    return { kind: 'tokens', ids, labels: labels as number[] };
  },
};
