// Everything that is compiled into the one module of the CPU engine, beside the kernels of optimisers. One line here for each file of kernels.
export * from './activation';
export * from './add';
export * from './attention';
export * from './cross_entropy';
export * from './embedding';
export * from './gather_rows';
export * from './gradient_norm';
export * from './log_probabilities';
export * from './matmul';
export * from './rms_norm';
export * from './rope';
export * from './scatter_rows';
export * from './threads';
export * from './tiles';
