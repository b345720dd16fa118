/** The names of the two methods that every reader of a record looks for. The first screen reads records, so this file needs no method. */
export const BASE = 'base';
export const ADAPTER_METHOD = 'adapter';
