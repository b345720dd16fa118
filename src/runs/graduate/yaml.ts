/** Settings as YAML: maps, lists and scalars, in the order in which they are given. */

export type Yaml =
  string | number | boolean | null | readonly Yaml[] | { readonly [key: string]: Yaml | undefined };

/** Words that YAML 1.1 reads as something else than text, and text that needs no quotes. */
const WORD = /^(?:y|n|yes|no|on|off|true|false|null|~)$/i;
const PLAIN = /^[A-Za-z_./][\w./-]*$/;

/** @returns a YAML document; keys without a value are left out */
export function writeYaml(value: { readonly [key: string]: Yaml | undefined }): string {
  return linesOf(value).join('\n') + '\n';
}

function linesOf(value: Yaml): string[] {
  if (Array.isArray(value))
    return (value as readonly Yaml[]).flatMap((item) =>
      linesOf(item).map((line, at) => `${at === 0 ? '- ' : '  '}${line}`),
    );
  if (value === null || typeof value !== 'object') return [scalar(value)];
  return Object.entries(value).flatMap(([key, item]) => {
    if (item === undefined) return [];
    if (item === null || typeof item !== 'object') return [`${key}: ${scalar(item)}`];
    if (Object.keys(item).length === 0) return [`${key}: ${Array.isArray(item) ? '[]' : '{}'}`];
    return [`${key}:`, ...linesOf(item).map((line) => `  ${line}`)];
  });
}

/** YAML 1.1 reads `1e-4` as text: it needs a point. */
function scalar(value: string | number | boolean | null): string {
  if (typeof value === 'number') return String(value).replace(/^(-?\d+)e/, '$1.0e');
  if (typeof value !== 'string') return String(value);
  return PLAIN.test(value) && !WORD.test(value) ? value : JSON.stringify(value);
}
