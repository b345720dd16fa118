// Everything that is compiled into the one module of the CPU engine. One line here for each file of kernels.
export * from './activation';
export * from './add';
export * from './matmul';
export * from './threads';
