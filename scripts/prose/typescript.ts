/** Passages of TypeScript: strings that are sentences, or that stand under a name whose strings people read. */
import ts from 'typescript';
import { UNKNOWN, type Area, type Passage } from './passage.ts';

/** Properties of tables whose strings are shown, however short they are. */
const SHOWN = new Set(
  'help more less start what off usual label usage initially changes wrong goodAt heading title zero'.split(
    ' ',
  ),
);
/** Folders of tables that flags, form and guide are made of. */
const TABLES = /^src\/(?:settings|adapters|objectives|optimisers|scorers)\//;
/** Three words in a row: fewer are names and keys. */
const SENTENCE = /\p{L}+[,:]? \p{L}[\p{L}’'-]*[,:]? \p{L}+/u;

/** A rule of a style sheet, which is no prose. */
const STYLE = /\{\s*(?:[a-z-]+:[^{}]*;\s*)+\}/;

export function typescriptPassages(file: string, text: string): Passage[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const passages: Passage[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isTypeNode(node)) return;
    const said = textOf(node);
    if (said === undefined) {
      ts.forEachChild(node, visit);
      return;
    }
    if (ts.isPropertyAssignment(node.parent) && node.parent.name === node) return;
    const isRead = SENTENCE.test(said) && !STYLE.test(said);
    if (isRead || SHOWN.has(propertyOf(node)) || isMessage(node)) {
      const { line } = source.getLineAndCharacterOfPosition(node.getStart());
      passages.push({ area: areaOf(file, node), place: `${file}:${line + 1}`, text: said });
    }
    // Strings inside of a template stand in it.
    if (ts.isTemplateExpression(node)) for (const { expression } of node.templateSpans) visit(expression);
  };
  visit(source);
  return passages;
}

function textOf(node: ts.Node): string | undefined {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (!ts.isTemplateExpression(node)) return undefined;
  return [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)].join(UNKNOWN);
}

/** Whether it is an argument of an error after its code. */
const isMessage = (node: ts.Node): boolean =>
  ts.isNewExpression(node.parent) &&
  /Error$/.test(node.parent.expression.getText()) &&
  node.parent.arguments?.[0] !== node;

/** The name that a string stands under in a table. */
function propertyOf(node: ts.Node): string {
  const property = ts.findAncestor(
    node,
    (one) => ts.isPropertyAssignment(one) || ts.isCallLikeExpression(one),
  );
  return property && ts.isPropertyAssignment(property) ? property.name.getText() : '';
}

function areaOf(file: string, node: ts.Node): Area {
  if (file.startsWith('src/app/')) return 'page';
  const isError = ts.findAncestor(node, (one) => ts.isNewExpression(one) || ts.isThrowStatement(one));
  if (isError) return 'messages';
  return TABLES.test(file) || SHOWN.has(propertyOf(node)) ? 'help' : 'messages';
}
