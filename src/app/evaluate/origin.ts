/** Whether a measurement is out of date, and why. */
import { shownName } from '../ui/model-names.ts';
import type {
  AdapterRef,
  ChoiceSource,
  DataOptions,
  Evaluation,
  Made,
  MixtureId,
  ModelRef,
} from '../../worker/api.ts';

/** The id of the mixture in the workshop, which is not in the library. */
export const MIXTURE_NAME: MixtureId = 'mixture';

/** The current inputs of a measurement. */
export interface NowOpen {
  /** The open model, or the one that will be opened: then without a fingerprint. */
  readonly model: ModelRef & { readonly fingerprint?: string };
  /** The open rows, or those that will be opened; missing if there are none. */
  readonly rows?: { readonly version: string; readonly options: DataOptions };
  /** Adapters of the library; missing while they are not read yet. */
  readonly adapters?: readonly { readonly id: string; readonly name: string }[];
  /** The name of the mixture in the workshop; missing if there is none. */
  readonly mixture?: string;
  /** How many steps each run has done; missing while they are not read yet. */
  readonly runs?: readonly { readonly id: string; readonly step: number }[];
}

/** What a measurement or an answer was made from. */
interface MadeFrom extends Pick<Made, 'model' | 'data' | 'choices'> {
  readonly adapter?: AdapterRef | undefined;
}

/** Why a measurement is out of date; undefined if it is not. */
export function whyOld({ made, subjects }: Evaluation, now: NowOpen): string | undefined {
  const adapters = subjects.flatMap(({ adapter }) => adapter ?? []);
  const reasons = [outdated(made, now), ...adapters.map((adapter) => adapterChanged(adapter, now))];
  return reasons.find((reason) => reason !== undefined);
}

/** The same of one that has at most one adapter. */
export function outdated({ model, data, adapter }: MadeFrom, now: NowOpen): string | undefined {
  const reasons = [
    modelChanged(model, now),
    data && rowsChanged(data, now),
    adapter && adapterChanged(adapter, now),
  ];
  return reasons.find((reason) => reason !== undefined);
}

/** Whether two measurements can stand in one table: the same model was asked the same rows, in the same way. */
export function comparable(a: MadeFrom, b: MadeFrom): boolean {
  return (
    isChosenAlike(a, b) &&
    a.model.fingerprint === b.model.fingerprint &&
    a.data?.version === b.data?.version &&
    plain(a.data?.options) === plain(b.data?.options)
  );
}

/** Whether answers were written in both, or chosen from the same. */
export const isChosenAlike = (a: AnsweredBy, b: AnsweredBy): boolean =>
  a.choices?.from === b.choices?.from && a.choices?.column === b.choices?.column;

/** How answers were made, or are going to be: written, unless there are choices. */
interface AnsweredBy {
  readonly choices?: ChoiceSource | undefined;
}

/** Whether `before` is of the same model, data and first adapter as `now`, and of more rows. */
export function isLarger(before: Evaluation, now: Evaluation): boolean {
  const [a, b] = [before, now].map(({ subjects }) => subjects.find(({ adapter }) => adapter)?.adapter);
  return comparable(before.made, now.made) && isSameAdapter(a, b) && before.items.length > now.items.length;
}

/** Whether two references name one adapter, which may also be none: the base model. */
export const isSameAdapter = (a: AdapterRef | undefined, b: AdapterRef | undefined): boolean =>
  idOf(a) === idOf(b);

function idOf(adapter: AdapterRef | undefined): string {
  if (!adapter) return '';
  if ('folder' in adapter) return adapter.folder;
  return 'runId' in adapter ? `${adapter.runId} ${adapter.step}` : adapter.id;
}

/** The current name of an adapter, or its name when it was asked. */
export function adapterName(
  adapter: AdapterRef | undefined,
  { adapters = [] }: Pick<NowOpen, 'adapters'>,
): string {
  if (!adapter) return 'Base model';
  if ('runId' in adapter) return `${adapter.name}, step ${adapter.step}`;
  if ('folder' in adapter) return adapter.name;
  return adapters.find(({ id }) => id === adapter.id)?.name ?? adapter.name;
}

function modelChanged(then: Made['model'], { model }: NowOpen): string | undefined {
  if (then.name !== model.name || then.bundled !== model.bundled)
    return `The base model is ${shownName(model.name)} now.`;
  // The command has no fingerprint: it measured the folder that it was given.
  if (
    model.fingerprint !== undefined &&
    then.fingerprint !== undefined &&
    model.fingerprint !== then.fingerprint
  )
    return `${shownName(model.name)} has other weights now, or another precision.`;
  return undefined;
}

function rowsChanged(then: NonNullable<Made['data']>, { rows }: NowOpen): string | undefined {
  if (!rows) return 'Its rows are not kept any more.';
  if (then.version !== undefined && then.version !== rows.version) return 'Other rows are open now.';
  if (!then.options || plain(then.options) === plain(rows.options)) return undefined;
  const [was, is] = [then.options as DataOptions, rows.options];
  if (plain(chosen(was)) !== plain(chosen(is)))
    return 'The rows are now read, truncated or split differently.';
  if (plain([was.skip, was.dropCopies]) !== plain([is.skip, is.dropCopies]))
    return 'Other rows are left out now.';
  return `Version ${is.revision ?? 1} of the rows is open now, and version ${was.revision ?? 1} was measured.`;
}

function adapterChanged(then: AdapterRef, { adapters, mixture, runs }: NowOpen): string | undefined {
  if ('id' in then && then.id === MIXTURE_NAME)
    return mixture === then.name ? undefined : 'The workshop has another mixture now, or none.';
  if ('id' in then) {
    const known = !adapters || adapters.some(({ id }) => id === then.id);
    return known ? undefined : `The adapter “${then.name}” is deleted.`;
  }
  // Nothing is known here of a folder.
  if ('folder' in then || !runs) return undefined;
  const run = runs.find(({ id }) => id === then.runId);
  if (!run) return `The run “${then.name}” is deleted.`;
  return run.step === then.step ? undefined : `The run is now at step ${run.step}.`;
}

/** The options without the rows that are left out or changed. */
function chosen({ skip: _, dropCopies: __, revision: ___, ...options }: DataOptions): Partial<DataOptions> {
  return options;
}

/** A value as text, whatever the order of its keys. */
function plain(value: unknown): string {
  return (
    (JSON.stringify(value, (_, part: unknown) =>
      typeof part === 'object' && part !== null && !Array.isArray(part)
        ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
        : part,
    ) as string | undefined) ?? ''
  );
}
