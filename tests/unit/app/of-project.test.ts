/** State of a project: made again when the project is left, kept when a project is made of what is open. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Studio } from '../../../src/app/state/studio.svelte.ts';
import { withoutSvelte } from './runes.ts';
import { sessionWith } from './session-with.ts';

beforeAll(() => {
  withoutSvelte();
  vi.stubGlobal('addEventListener', () => undefined);
});
afterAll(() => vi.unstubAllGlobals());

test('what was made for a project stays with it, and ends when another one is opened or begun', async () => {
  const { ProjectsState } = await import('../../../src/app/state/projects.svelte.ts');
  const { ofProject, ofStudio } = await import('../../../src/app/state/of-studio.svelte.ts');
  const named = (id: string) => ({ id, name: id, page: {}, place: 'data', changed: 1 });
  const projects = new ProjectsState(
    sessionWith(
      {
        createProject: (name) => Promise.resolve({ ok: true, project: named(String(name)) }),
        openProject: (id) =>
          Promise.resolve({ ok: true, ...(id !== undefined && { project: named(String(id)) }) }),
        listProjects: () => Promise.resolve({ ok: true, projects: [] }),
      },
      { wanted: { name: 'sprig', bundled: true } },
    ),
  );
  const studio = { projects } as unknown as Studio;
  const ended: string[] = [];
  let made = 0;
  const partOf = ofProject(() => {
    const name = `part ${++made}`;
    return { name, end: () => void ended.push(`${name} of ${projects.id}`) };
  });
  const alwaysOf = ofStudio(() => ({}));
  const always = alwaysOf(studio);

  const first = partOf(studio);
  await projects.create('a');
  expect(partOf(studio)).toBe(first);
  await projects.open('a');
  expect(partOf(studio)).toBe(first);
  await projects.open('b');
  expect(ended).toEqual(['part 1 of a']);
  expect(partOf(studio).name).toBe('part 2');
  await projects.close();
  await projects.close();
  // Nobody asked for another one in between.
  expect(ended).toEqual(['part 1 of a', 'part 2 of b']);
  expect(partOf(studio).name).toBe('part 3');
  expect(alwaysOf(studio)).toBe(always);
});
