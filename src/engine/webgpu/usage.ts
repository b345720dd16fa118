/** Buffer usages, as the WebGPU specification numbers them: its own names exist only if WebGPU does, and a plan is made without it. */
const COPY_SRC = 0x4;
const COPY_DST = 0x8;
const STORAGE = 0x80;

/** What kernels read and write, and what is copied in and out. */
export const STORAGE_USAGE = STORAGE | COPY_SRC | COPY_DST;
/** Parameters of dispatches. */
export const UNIFORM_USAGE = 0x40 | COPY_DST;
/** What the host reads. */
export const READBACK_USAGE = 0x1 | COPY_DST;
/** The results of queries. */
export const QUERY_USAGE = 0x200 | COPY_SRC;
/** `GPUMapMode.READ` and `GPUShaderStage.COMPUTE`. */
export const MAP_READ = 0x1;
export const COMPUTE_STAGE = 0x4;
