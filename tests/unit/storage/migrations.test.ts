import { describe, expect, test } from 'vitest';
import { toProjects, type Adapter1, type Run1 } from '../../../src/storage/migrations.ts';

const run: Run1 = {
  id: 'r1',
  created: 2000,
  status: 'paused',
  settings: { name: 'voice 1', steps: 24 },
  baseModel: 'sprig',
  modelFingerprint: 'f',
  bundled: true,
  dataName: 'voice.jsonl',
  command: 'graft train',
  steps: [],
  evals: [],
  samples: [],
};
const adapter: Adapter1 = {
  id: 'a1',
  name: 'Captain',
  note: '',
  baseModel: 'sprig',
  rank: 8,
  alpha: 16,
  targets: ['q_proj'],
  parameters: 100,
  created: 3000,
  runId: 'r1',
};

describe('1 → 2', () => {
  test('runs and adapters go to one first project, otherwise as they were', () => {
    const moved = toProjects({ runs: [run, { ...run, id: 'r0', created: 1000 }], adapters: [adapter] });
    if (!moved) throw new Error('nothing moved');
    const { project } = moved;
    expect(project).toMatchObject({
      name: 'First project',
      created: 1000,
      changed: 3000,
      model: { name: 'sprig', bundled: true },
    });
    expect(moved.runs).toEqual([
      { ...run, projectId: project.id },
      { ...run, id: 'r0', created: 1000, projectId: project.id },
    ]);
    expect(moved.adapters).toEqual([{ ...adapter, projectId: project.id }]);
  });

  test('a project with adapters and no runs wants their model', () => {
    const moved = toProjects({ runs: [], adapters: [{ ...adapter, baseModel: 'SmolLM2-135M' }] });
    expect(moved?.project.model).toEqual({ name: 'SmolLM2-135M', bundled: false });
  });

  test('an empty database gets no project', () => {
    expect(toProjects({ runs: [], adapters: [] })).toBeUndefined();
  });
});
