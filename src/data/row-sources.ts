/** The kinds of files whose rows are objects. Tables and texts are read by formats.ts itself. */
import { json, jsonl } from './json-sources.ts';
import { parquet } from './parquet.ts';
import type { RowSource } from './row-source.ts';

export const ROW_SOURCES = { jsonl, json, parquet } as const satisfies Readonly<Record<string, RowSource>>;
