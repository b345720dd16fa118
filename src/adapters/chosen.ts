/** The adapter that the specification of a run chooses, or starts from. */
import type { ModelDefinition } from '../model/family.ts';
import type { Given } from '../settings/setting.ts';
import type { FormSpec, RunSpec } from '../settings/spec.ts';
import { areUsual, IA3, ia3Targets } from './ia3/settings.ts';
import type { AdapterConfig } from './kind.ts';
import { kindOf } from './registry.ts';
import { endsWith } from './targets.ts';

/** What of a specification says which adapter it is: its kind, and the settings that the kind reads. */
export type AdapterSpec = Pick<RunSpec, 'method'> & Given;

/** The adapter that a run trains. */
export function adapterConfigOf(spec: AdapterSpec): AdapterConfig {
  return kindOf({ kind: spec.method }).config(spec);
}

/** The specification, with IA3's default layers of this model if none were chosen. */
export function withUsualTargets(spec: RunSpec, { linears }: Pick<ModelDefinition, 'linears'>): RunSpec {
  if (spec.method !== IA3.name || !areUsual(spec.targets)) return spec;
  return { ...spec, targets: ia3Targets((end) => linears.some(({ path }) => endsWith(path, end))) };
}

/** The specification with kind and settings of an existing adapter, but for the dropout, which is the run's. */
export function withAdapter<Spec extends Pick<FormSpec, 'method'>>(spec: Spec, config: AdapterConfig): Spec {
  const kind = kindOf(config);
  const { dropout: _, ...own } = kind.settings(config);
  return { ...spec, ...own, method: kind.name };
}
