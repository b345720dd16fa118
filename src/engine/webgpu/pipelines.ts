/** The compute pipelines of a device: each variant of a shader is compiled once, and run once on nothing. */
import { GraftError, messageOf } from '../../errors.ts';
import type { Dispatch } from './dispatch.ts';
import { shaderCode } from './shader.ts';
import { COMPUTE_STAGE, STORAGE_USAGE, UNIFORM_USAGE } from './usage.ts';

/** Larger than any `struct Params`. */
const WARM_UP_BYTES = 512;

export class Pipelines {
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();
  /** By their entries, and by variant. */
  readonly #layouts = new Map<string, GPUBindGroupLayout>();
  readonly #layoutOf = new Map<string, GPUBindGroupLayout>();

  /** @param check throws the failure of the device, if it has one */
  constructor(
    private readonly gpu: GPUDevice,
    private readonly check: () => void,
  ) {}

  /** The pipeline of a dispatch. @throws GraftError `engine-shader` */
  of(dispatch: Dispatch): Promise<GPUComputePipeline> {
    const key = pipelineKey(dispatch);
    let pipeline = this.#pipelines.get(key);
    if (!pipeline) {
      pipeline = this.#compile(dispatch, key);
      this.#pipelines.set(key, pipeline);
    }
    return pipeline;
  }

  /** The layout of a dispatch's bindings: only the ones it names. */
  layout(dispatch: Dispatch): GPUBindGroupLayout {
    const variant = pipelineKey(dispatch);
    let layout = this.#layoutOf.get(variant);
    if (!layout) {
      const entries = layoutEntries(dispatch);
      const key = JSON.stringify(entries);
      layout =
        this.#layouts.get(key) ?? this.gpu.createBindGroupLayout({ entries, label: dispatch.shader.name });
      this.#layouts.set(key, layout);
      this.#layoutOf.set(variant, layout);
    }
    return layout;
  }

  async #compile(dispatch: Dispatch, key: string): Promise<GPUComputePipeline> {
    const module = this.gpu.createShaderModule({
      code: shaderCode(dispatch.shader, dispatch.types, dispatch.constants, dispatch.subgroups),
      label: `${dispatch.shader.name}.wgsl`,
    });
    try {
      const pipeline = await this.gpu.createComputePipelineAsync({
        layout: this.gpu.createPipelineLayout({ bindGroupLayouts: [this.layout(dispatch)] }),
        compute: { module, entryPoint: dispatch.entry },
        label: key,
      });
      await this.#warmUp(dispatch, pipeline);
      return pipeline;
    } catch (error) {
      this.check();
      throw new GraftError(
        'engine-shader',
        `${dispatch.shader.name}.wgsl does not compile on this adapter: ${messageOf(error)}`,
        'This is a defect in Graft; please report it with this text.',
        { cause: error },
      );
    }
  }

  /**
   * Runs a new pipeline once on nothing: many drivers compile only at the first dispatch (lavapipe takes up to a second for a matmul),
   * and that must not be the first step. All sizes in the parameters are zero, so that no kernel touches its dummy buffers.
   */
  async #warmUp(dispatch: Dispatch, pipeline: GPUComputePipeline): Promise<void> {
    const entries = layoutEntries(dispatch).map(({ binding, buffer }) => {
      const usage = buffer!.type === 'uniform' ? UNIFORM_USAGE : STORAGE_USAGE;
      return {
        binding,
        resource: { buffer: this.gpu.createBuffer({ size: WARM_UP_BYTES, usage, label: 'warm-up' }) },
      };
    });
    const encoder = this.gpu.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, this.gpu.createBindGroup({ layout: this.layout(dispatch), entries }));
    pass.dispatchWorkgroups(1);
    pass.end();
    this.gpu.queue.submit([encoder.finish()]);
    await this.gpu.queue.onSubmittedWorkDone();
    for (const { resource } of entries) resource.buffer.destroy();
  }
}

const keys = new WeakMap<Dispatch, string>();

/** Names the variant of a shader that a dispatch needs. */
export function pipelineKey(dispatch: Dispatch): string {
  let key = keys.get(dispatch);
  if (key === undefined) keys.set(dispatch, (key = makeKey(dispatch)));
  return key;
}

function makeKey(dispatch: Dispatch): string {
  const { shader, entry, types, constants, subgroups } = dispatch;
  const sorted = (record: Readonly<Record<string, unknown>>): string =>
    Object.keys(record)
      .sort()
      .map((name) => `${name}=${record[name]}`)
      .join(',');
  return `${shader.name}:${entry}(${sorted(types)};${sorted(constants)}${subgroups ? ';subgroups' : ''};${[...dispatch.tensors.keys()].sort().join(',')})`;
}

function layoutEntries(dispatch: Dispatch): GPUBindGroupLayoutEntry[] {
  const types = { uniform: 'uniform', read: 'read-only-storage', read_write: 'storage' } as const;
  return dispatch.shader.bindings
    .filter(({ name, access }) => (access === 'uniform' && name === 'params') || dispatch.tensors.has(name))
    .map(({ index, access }) => ({
      binding: index,
      visibility: COMPUTE_STAGE,
      buffer: { type: types[access] },
    }));
}
