/** The passages of `graft evaluate --index`: found by the search of the index, and compared with those that rows name. */
import { basename, resolve } from 'node:path';
import { mean } from '../averages.ts';
import type { Example } from '../data/example.ts';
import type { Device } from '../engine/device.ts';
import type { PassagePort } from '../evaluate/methods/method.ts';
import { fitPassages, type Source } from '../retrieval/passages-prompt.ts';
import { Relevance } from '../retrieval/relevance.ts';
import type { EvaluateFlags } from './evaluate-flags.ts';
import type { Output } from './output.ts';
import { Passages } from './passages.ts';
import { readPassage } from './search.ts';

/** @returns undefined without `--index` @throws GraftError as `Passages.open` */
export async function openPassages(
  flags: EvaluateFlags,
  output: Output,
  device: Device,
): Promise<(PassagePort & { close(): void }) | undefined> {
  const passages = await Passages.open(flags, output, device);
  if (!passages) return undefined;
  const { template, top, method, chunks } = passages;
  const relevance = new Relevance(chunks);
  const places = new Map(chunks.map(({ id }, at) => [id, at]));
  return {
    about: { index: basename(resolve(flags.required('index'))), search: method, top },
    find: (questions, signal) => passages.find(questions, signal),
    fit: (question, found, window) => fitPassages(template, question, found, window),
    recall(example, sources) {
      const wanted = passagesOf(example);
      const given = new Set(sources.map(({ id }: Source) => places.get(id)));
      return wanted.length === 0
        ? undefined
        : mean(
            wanted.map((passage) =>
              (relevance.relevantTo(passage) ?? []).some((chunk) => given.has(chunk)) ? 1 : 0,
            ),
          );
    },
    close: () => passages.close(),
  };
}

/** The passages that a row names; what is none is passed over, as any column that Graft does not use. */
function passagesOf(example: Example | undefined): NonNullable<ReturnType<typeof readPassage>>[] {
  const { passages } = example?.columns ?? {};
  return Array.isArray(passages) ? passages.flatMap((passage: unknown) => readPassage(passage) ?? []) : [];
}
