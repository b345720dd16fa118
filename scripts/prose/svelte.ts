/** Passages of a Svelte component: the text of each block with its inline elements, attributes that are read out or shown, and strings of code. */
import { parse, type AST } from 'svelte/compiler';
import { UNKNOWN, type Passage } from './passage.ts';
import { typescriptPassages } from './typescript.ts';

/** Elements whose text belongs to the sentence around them. */
const INLINE = new Set('a abbr b code em i kbd small span strong sub sup'.split(' '));
const READ_ATTRIBUTES = new Set('aria-label aria-description title placeholder alt label'.split(' '));

type Child = AST.Fragment['nodes'][number];

export function sveltePassages(file: string, text: string): Passage[] {
  const { fragment, instance, module } = parse(text, { modern: true });
  const passages: Passage[] = [];
  const lineAt = (at: number): number => text.slice(0, at).split('\n').length;
  const add = (at: number, raw: string): void => {
    const said = raw.replaceAll(/\s+/g, ' ').trim();
    if (/\p{L}{2}/u.test(said)) passages.push({ area: 'page', place: `${file}:${lineAt(at)}`, text: said });
  };

  /** Strings in code, at their own lines. */
  const code = (node: unknown, isExpression = false): void => {
    // Nodes of ESTree have places, which their types leave out.
    const { start, end } = node as { readonly start: number; readonly end: number };
    const first = lineAt(start) - 1;
    const source = isExpression ? `(${text.slice(start, end)})` : text.slice(start, end);
    for (const { place, ...passage } of typescriptPassages(file, source))
      passages.push({ ...passage, place: `${file}:${first + Number(place.slice(file.length + 1))}` });
  };
  const expression = (node: unknown): void => code(node, true);

  const attributes = (all: AST.BaseElement['attributes']): void => {
    for (const attribute of all) {
      if (attribute.type !== 'Attribute' || attribute.value === true) continue;
      const parts = Array.isArray(attribute.value) ? attribute.value : [attribute.value];
      if (READ_ATTRIBUTES.has(attribute.name))
        add(attribute.start, parts.map((part) => (part.type === 'Text' ? part.data : UNKNOWN)).join(''));
      for (const part of parts) if (part.type === 'ExpressionTag') expression(part.expression);
    }
  };

  /** The text of nodes as one passage; blocks inside of it are passages of their own. */
  const said = (nodes: readonly Child[]): string => nodes.map(textOf).join('');
  const textOf = (node: Child): string => {
    switch (node.type) {
      case 'Text':
        return node.data;
      case 'ExpressionTag':
        expression(node.expression);
        return UNKNOWN;
      case 'IfBlock':
        return said(node.consequent.nodes) + (node.alternate ? ` ${said(node.alternate.nodes)}` : '');
      case 'EachBlock':
        return said(node.body.nodes) + (node.fallback ? ` ${said(node.fallback.nodes)}` : '');
      case 'AwaitBlock':
        return [node.pending, node.then, node.catch].map((one) => (one ? said(one.nodes) : '')).join(' ');
      case 'KeyBlock':
        return said(node.fragment.nodes);
      case 'SnippetBlock':
        block(node.start, node.body.nodes);
        return '';
      default:
        if (!('fragment' in node) || !('attributes' in node)) return '';
        attributes(node.attributes);
        if (node.type === 'RegularElement' && INLINE.has(node.name)) return said(node.fragment.nodes);
        block(node.start, node.fragment.nodes);
        return ' ';
    }
  };
  const block = (at: number, nodes: readonly Child[]): void => add(at, said(nodes));

  block(0, fragment.nodes);
  for (const script of [module, instance]) if (script) code(script.content);
  return passages;
}
