import { GraftError } from '../errors.ts';
import { observe } from '../model/observe.ts';
import { concatBytes, writeSafetensors, type TensorToWrite } from '../weights/safetensors.ts';
import { writeWhole } from './files.ts';
import { Flags, type FlagSpecs } from './flags.ts';
import { checkFile, checkOutput } from './output-path.ts';
import type { Output } from './output.ts';
import { modelFlags, openAdapter, openSession } from './session.ts';

export const observeFlags = {
  ...modelFlags,
  adapter: { value: 'DIR', help: 'a PEFT adapter folder' },
  ids: { value: '1,2,3', help: 'token ids' },
  labels: {
    value: 'A,B',
    help: 'a label for each token, -100 for none (--labels=-100,2,3): gradients of the summed loss are written as well',
  },
  names: {
    value: 'A,B',
    help: "results of the model: hidden.0, attention.0 [H, T, T], logits, or a module's path; hidden.* is all of them",
  },
  out: { value: 'FILE', help: 'where to write them, f32, as safetensors; a gradient is named d NAME' },
  overwrite: { help: 'replace the file that is at --out' },
} as const satisfies FlagSpecs;

export async function observeCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = new Flags(observeFlags, args);
  flags.required('ids');
  const ids = flags.ids('ids');
  const labels = readLabels(flags, ids.length);
  flags.required('names');
  const names = flags.list('names') ?? [];
  const out = flags.required('out');
  checkOutput('--out', out, [
    { what: 'the model', path: flags.required('model') },
    { what: 'the adapter', path: flags.text('adapter') },
  ]);
  checkFile('--out', out, flags.on('overwrite'));
  const { model } = await openSession(flags, output, { precision: 'f32' });
  const path = flags.text('adapter');
  const adapter = path === undefined ? undefined : await openAdapter(path, model);
  const observed = await observe(model, ids, names, { adapter, labels });
  const tensors = [...observed].flatMap(([name, { shape, values, gradient }]): TensorToWrite[] => [
    { name, dtype: 'F32', shape, data: values },
    ...(gradient ? [{ name: `d ${name}`, dtype: 'F32' as const, shape, data: gradient }] : []),
  ]);
  await writeWhole(out, concatBytes(writeSafetensors(tensors)));
  output.line(
    `Wrote ${tensors.map(({ name, shape }) => `${name} [${shape.join(', ')}]`).join(', ')} to ${out}`,
  );
}

/** @throws GraftError `arguments` */
function readLabels(flags: Flags<typeof observeFlags>, count: number): number[] | undefined {
  const labels = flags.list('labels')?.map(Number);
  if (labels?.some((label) => !Number.isInteger(label)) || (labels && labels.length !== count))
    throw new GraftError('arguments', `--labels needs a whole number for each of the ${count} ids.`, '');
  return labels;
}
