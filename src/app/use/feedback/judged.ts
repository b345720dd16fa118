/** Whose answers the entries of a queue judge: a further run suits the model that gave them. */
import type { AdapterInfo, FeedbackEntry } from '../../../worker/api.ts';

export interface JudgedModel {
  /** Missing for the base model, and for an adapter that is no longer in the library. */
  readonly adapter?: AdapterInfo;
  /** “voice 1”, or “the base model”. */
  readonly name: string;
  /** How many of the entries judge its answers. */
  readonly entries: number;
}

/**
 * The model whose answers most of the entries judge, the later one of two with as many. Undefined without entries whose origin is known.
 *
 * @param adapters of the library
 */
export function mostJudged(
  entries: readonly Pick<FeedbackEntry, 'origin'>[],
  adapters: readonly AdapterInfo[],
): JudgedModel | undefined {
  const found = new Map<string, JudgedModel>();
  for (const { origin } of entries) {
    if (!origin) continue;
    const of = origin.adapter;
    const key = !of ? '' : 'id' in of ? of.id : of.runId;
    const adapter = of && adapters.find(({ id, runId }) => key === id || key === runId);
    const id = adapter?.id ?? key;
    const name = adapter ? `“${adapter.name}”` : of ? `“${of.name}”` : 'the base model';
    found.set(id, { ...(adapter && { adapter }), name, entries: (found.get(id)?.entries ?? 0) + 1 });
  }
  return [...found.values()].reduce<JudgedModel | undefined>(
    (max, one) => (max && max.entries > one.entries ? max : one),
    undefined,
  );
}

/**
 * A sentence for a run that goes on from another model than the judged one.
 *
 * @param entries that the run learns from
 * @param from the name of the adapter that it goes on from
 */
export function judgedModelInWords(
  judged: JudgedModel,
  entries: number,
  from: string,
  isInUse: boolean,
): string {
  const which =
    judged.entries === entries
      ? `The feedback that you accepted judges answers of ${judged.name}`
      : `${judged.entries} of ${entries} accepted entries judge answers of ${judged.name}`;
  return `${which}, but this run continues from “${from}”${isInUse ? ', which is in use' : ''}.`;
}
