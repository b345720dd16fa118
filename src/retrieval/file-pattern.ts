/** Filters by file. */

/**
 * Whether a file's path fits a pattern: `*` stands for any characters but `/`, `**` for any, `?` for one. A pattern without `/` is compared with the
 * file's name as well, and a folder's path holds for all that is in it.
 */
export function filePattern(pattern: string): (file: string) => boolean {
  const source = pattern.replace(/\/$/, '').replaceAll(/\*\*\/?|[*?]|[^*?]+/g, (part) => {
    if (part === '*') return '[^/]*';
    if (part === '?') return '[^/]';
    if (part === '**') return '.*';
    if (part === '**/') return '(?:.*/)?';
    return part.replaceAll(/[\\^$.|+()[\]{}]/g, '\\$&');
  });
  const fits = new RegExp(`^(?:${source})(?:/.*)?$`, 'su');
  return (file) =>
    fits.test(file) || (!pattern.includes('/') && fits.test(file.slice(file.lastIndexOf('/') + 1)));
}
