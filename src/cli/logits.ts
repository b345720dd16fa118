import { concatBytes, writeSafetensors } from '../weights/safetensors.ts';
import { writeWhole } from './files.ts';
import { Flags, type FlagSpecs } from './flags.ts';
import { checkFile, checkOutput } from './output-path.ts';
import type { Output } from './output.ts';
import { modelFlags, offloadFlag, openAdapter, openSession, reportPeak } from './session.ts';

export const logitsFlags = {
  ...modelFlags,
  adapter: { value: 'DIR', help: 'a PEFT adapter folder' },
  ids: { value: '1,2,3', help: 'token ids' },
  out: { value: 'FILE', help: 'where to write logits [T, V] f32, as safetensors' },
  'disk-offload': offloadFlag,
  overwrite: { help: 'replace the file that is at --out' },
} as const satisfies FlagSpecs;

export async function logitsCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = new Flags(logitsFlags, args);
  flags.required('ids');
  const ids = flags.ids('ids');
  const out = flags.required('out');
  checkOutput('--out', out, [
    { what: 'the model', path: flags.required('model') },
    { what: 'the adapter', path: flags.text('adapter') },
  ]);
  checkFile('--out', out, flags.on('overwrite'));
  const offload = flags.on('disk-offload');
  const { model } = await openSession(flags, output, { precision: 'f32', offload });
  const path = flags.text('adapter');
  const adapter = path === undefined ? undefined : await openAdapter(path, model);
  const logits = await model.logits(ids, adapter);
  const shape = [ids.length, model.vocabularyWith(adapter)];
  await writeWhole(
    out,
    concatBytes(writeSafetensors([{ name: 'logits', dtype: 'F32', shape, data: logits }])),
  );
  output.line(`Wrote logits [${shape.join(', ')}] to ${out}`);
  if (offload) reportPeak(model.device, output);
}
