/** Measurements of an adapter, kept in the user's cache folder so that they are made once. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { GpuDevice } from '../engine/webgpu/device.ts';
import { measureTuning } from '../engine/webgpu/measure-tuning.ts';
import { isTuning, type Tuning } from '../engine/webgpu/tuning.ts';
import { messageOf } from '../errors.ts';
import { writeWhole } from './files.ts';

/** The stored measurement of this adapter, or a new one, which is stored. */
export async function storedTuning(device: GpuDevice): Promise<Tuning> {
  const { vendor, architecture, description } = device.adapter;
  const name = `${vendor} ${architecture} ${description}`.replace(/[^\w.]+/g, '-').slice(0, 120);
  const path = join(
    process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
    'graft',
    `tuning-${name}.json`,
  );
  if (existsSync(path)) {
    const stored = parse(await readFile(path, 'utf8'));
    if (isTuning(stored)) return stored;
  }
  const tuning = await measureTuning(device);
  try {
    await writeWhole(path, new TextEncoder().encode(`${JSON.stringify(tuning, null, 2)}\n`));
  } catch (error) {
    process.stderr.write(`The measurement of this adapter could not be kept: ${messageOf(error)}\n`);
  }
  return tuning;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // A damaged cache is measured anew.
    return undefined;
  }
}
