/** Names that huggingface_hub's validate_repo_id takes and refuses. */
import { expect, test } from 'vitest';
import { repoFault } from '../../src/repo-name.ts';

test.each(['org/name', 'A_1/b.c-d_e', 'a/_b', `o/${'a'.repeat(96)}`])('%s is a name', (name) => {
  expect(repoFault(name)).toBeUndefined();
});

test.each([
  ['my mails!', /^Write account\/name/],
  ['a/b/c', /^Write account\/name/],
  ['/b', /^Write account\/name/],
  ['a/my mails!', /not a space\.$/],
  ['a/mails!', /not “!”\.$/],
  ['a/ä', /not “ä”\.$/],
  ['-a/b', /starts or ends/],
  ['a-/b', /starts or ends/],
  ['a/b.', /starts or ends/],
  ['a/b--c', /neither/],
  ['a/b..c', /neither/],
  ['a/b.git', /\.git/],
  [`o/${'a'.repeat(97)}`, /96 characters/],
])('%s is none, and the reason is said', (name, reason) => {
  expect(repoFault(name)).toMatch(reason);
});
