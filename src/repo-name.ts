/** Names of repositories by the rules of the hub, as `validate_repo_id` of huggingface_hub 2.4 has them, with an account: the hub makes no other. */

/** The most characters of the part after the slash. */
const LONGEST = 96;

/** Why the hub does not take a name, as a sentence; undefined for one that it takes. */
export function repoFault(repo: string): string | undefined {
  const parts = repo.split('/');
  if (parts.length !== 2 || parts.includes(''))
    return 'Write account/name: your account or an organisation, a slash, and the name.';
  const odd = /[^\w.-]/.exec(repo.replace('/', ''))?.[0];
  if (odd !== undefined)
    return `A name has letters from a to z, digits, “-”, “_” and “.” only, not ${/\s/.test(odd) ? 'a space' : `“${odd}”`}.`;
  if (parts.some((part) => /^[-.]|[-.]$/.test(part))) return 'No part starts or ends with “-” or “.”.';
  if (/--|\.\./.test(repo)) return 'A name has neither “--” nor “..”.';
  if (repo.endsWith('.git')) return 'A name does not end with “.git”.';
  return parts[1].length > LONGEST
    ? `The part after the slash has ${LONGEST} characters at most.`
    : undefined;
}
