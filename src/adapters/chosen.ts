/** The adapter that the specification of a run chooses, or starts from. */
import type { ModelDefinition } from '../model/definition.ts';
import type { Given } from '../settings/setting.ts';
import type { FormSpec, RunSpec } from '../settings/spec.ts';
import type { AdapterConfig, AdapterKind } from './kind.ts';
import type { Learner } from './learner.ts';
import { learnerOf } from './learners.ts';
import { kindOf } from './registry.ts';
import { endsWith } from './targets.ts';

/** What of a specification says which adapter it is: its kind, and the settings that the kind reads. */
export type AdapterSpec = Pick<RunSpec, 'method'> & Given;

/** The kind and the configuration of the adapter that a run trains; undefined if weights of the model learn. @throws Error as `kindOf` */
export function adapterOf(
  spec: AdapterSpec,
): { readonly kind: AdapterKind; readonly config: AdapterConfig } | undefined {
  if (learnerOf(spec).trainsModel) return undefined;
  const config = adapterConfigOf(spec);
  return { kind: kindOf(config), config };
}

/** The configuration of the adapter that a run trains. @throws Error as `kindOf` */
export function adapterConfigOf(spec: AdapterSpec): AdapterConfig {
  return kindOf({ kind: spec.method }).config(spec);
}

/** The specification, with the learner's default layers of this model if none were chosen. */
export function withUsualTargets(spec: RunSpec, { linears }: Pick<ModelDefinition, 'linears'>): RunSpec {
  const { targetsOn, defaults }: Learner = learnerOf(spec);
  const usual = defaults?.['targets'] as readonly string[] | undefined;
  if (!targetsOn || spec.targets.join() !== usual?.join()) return spec;
  return { ...spec, targets: targetsOn((end) => linears.some(({ path }) => endsWith(path, end))) };
}

/** The specification with kind and settings of an existing adapter, but for the dropout, which is the run's. @throws Error as `kindOf` */
export function withAdapter<Spec extends Pick<FormSpec, 'method'>>(spec: Spec, config: AdapterConfig): Spec {
  const kind = kindOf(config);
  const { dropout: _, ...own } = kind.settings(config);
  return { ...spec, ...own, method: kind.name };
}
