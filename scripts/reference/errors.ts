/** docs/reference/errors.md: every error code with its messages and what to do, read from the sources that throw them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { heading, page, plain } from './markdown.ts';

const ROOT = join(import.meta.dirname, '../..');

const INTRODUCTION = `Every error that Graft shows has a code, a sentence that says what is wrong and where, and what to do. The command prints the sentences; the page shows the code as well.
\`…\` stands for a name, a number or a reason.`;

/** A value that only a run knows. */
const UNKNOWN = '…';
/** The most texts that one call may have: choices within choices multiply. */
const MAX_TEXTS = 8;

interface Thrown {
  readonly code: string;
  readonly what: string;
  readonly remedy: string;
}

/** The arguments of one call of the function that throws, by its parameters. */
type Bound = ReadonlyMap<string, ts.Expression>;

export function errorsPage(): string {
  const thrown = sources().flatMap((file) => thrownBy(file));
  const codes = [...new Set(thrown.map((one) => one.code))].sort();
  return page(
    heading('Errors'),
    INTRODUCTION,
    ...codes.flatMap((name) => [`## ${name}`, linesOf(thrown.filter((one) => one.code === name))]),
  );
}

/** What a code says, sorted; without messages that only a run knows, unless there is no other. */
function linesOf(thrown: readonly Thrown[]): string {
  const lines = [...new Set(thrown.map(lineOf))].sort();
  const known = lines.filter((line) => /\p{L}/u.test(line));
  return (known.length === 0 ? lines : known).join('\n');
}

function lineOf({ what, remedy }: Thrown): string {
  const said = [what, remedy].map((text) => text.trim()).filter((text) => text !== '' && text !== UNKNOWN);
  return `- ${said.length === 0 ? UNKNOWN : said.map(plain).join(' → ')}`;
}

function sources(): ts.SourceFile[] {
  return readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.kernel.ts'))
    .sort()
    .map((name) =>
      ts.createSourceFile(name, readFileSync(join(ROOT, 'src', name), 'utf8'), ts.ScriptTarget.Latest, true),
    );
}

function descendants<Found extends ts.Node>(root: ts.Node, is: (node: ts.Node) => node is Found): Found[] {
  const found: Found[] = [];
  const visit = (node: ts.Node): void => {
    if (is(node)) found.push(node);
    ts.forEachChild(node, visit);
  };
  visit(root);
  return found;
}

/** Classes whose errors have a code: GraftError, and what extends it. */
function isError(node: ts.Node, own: ReadonlySet<string>): node is ts.NewExpression {
  return ts.isNewExpression(node) && own.has(node.expression.getText());
}

function thrownBy(file: ts.SourceFile): Thrown[] {
  const classes = new Set([
    'GraftError',
    ...descendants(file, ts.isClassDeclaration)
      .filter((one) => one.heritageClauses?.some((clause) => clause.getText().includes('GraftError')))
      .map((one) => one.name?.text ?? ''),
  ]);
  const made = descendants(file, (node): node is ts.NewExpression => isError(node, classes));
  return made.flatMap((error) => {
    const [name, what, remedy] = error.arguments ?? [];
    if (!name || !what) return [];
    return callsOf(error, file).flatMap((bound) =>
      textsOf(name, file, bound)
        // An error that is passed on keeps the code of the one before.
        .filter((text) => text !== UNKNOWN)
        .flatMap((text) =>
          textsOf(what, file, bound).flatMap((said) =>
            (remedy ? textsOf(remedy, file, bound) : ['']).map((advice) => ({
              code: text,
              what: said,
              remedy: advice,
            })),
          ),
        ),
    );
  });
}

/** The calls of the function around an error, if the error says what they give to it; otherwise nothing is bound. */
function callsOf(error: ts.NewExpression, file: ts.SourceFile): Bound[] {
  const around = ts.findAncestor(error, ts.isFunctionLike);
  const parameters = (around?.parameters ?? []).map(({ name }) => name.getText());
  const name = around && nameOf(around);
  const isAsked = descendants(error, ts.isIdentifier).some(({ text }) => parameters.includes(text));
  if (name === undefined || !isAsked) return [new Map()];
  const calls = descendants(file, ts.isCallExpression).filter(
    ({ expression }) => expression.getText().replace(/^(this\.)?#?/, '') === name,
  );
  if (calls.length === 0) return [new Map()];
  return calls.map(
    (call) =>
      new Map(
        (around?.parameters ?? []).flatMap(({ name: parameter, initializer }, at) => {
          const given = call.arguments.at(at) ?? initializer;
          return given ? [[parameter.getText(), given] as const] : [];
        }),
      ),
  );
}

function nameOf(one: ts.SignatureDeclaration): string | undefined {
  if (one.name) return one.name.getText().replace(/^#/, '');
  return ts.isVariableDeclaration(one.parent) ? one.parent.name.getText() : undefined;
}

/** The texts that an expression may have. */
function textsOf(node: ts.Expression, file: ts.SourceFile, bound: Bound): string[] {
  if (ts.isStringLiteralLike(node)) return [node.text];
  if (ts.isParenthesizedExpression(node)) return textsOf(node.expression, file, bound);
  if (ts.isConditionalExpression(node))
    return few([...textsOf(node.whenTrue, file, bound), ...textsOf(node.whenFalse, file, bound)]);
  if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.QuestionQuestionToken)
    return few([...textsOf(node.left, file, bound), ...textsOf(node.right, file, bound)]);
  if (ts.isTemplateExpression(node))
    return node.templateSpans.reduce(
      (starts, { expression, literal }) => {
        const parts =
          ts.isConditionalExpression(expression) || ts.isIdentifier(expression)
            ? textsOf(expression, file, bound)
            : [UNKNOWN];
        return few(starts.flatMap((start) => parts.map((part) => `${start}${part}${literal.text}`)));
      },
      [node.head.text],
    );
  if (!ts.isIdentifier(node)) return [UNKNOWN];
  const given = bound.get(node.text);
  if (given) return textsOf(given, file, new Map());
  const constant = descendants(file, ts.isVariableDeclaration).find(
    ({ name, initializer, parent }) =>
      name.getText() === node.text &&
      initializer !== undefined &&
      ts.isStringLiteralLike(initializer) &&
      (parent.flags & ts.NodeFlags.Const) !== 0,
  );
  return constant?.initializer ? textsOf(constant.initializer, file, bound) : [UNKNOWN];
}

/** Distinct texts; one that nobody knows if there are too many. */
function few(texts: readonly string[]): string[] {
  const distinct = [...new Set(texts)];
  return distinct.length > MAX_TEXTS ? [UNKNOWN] : distinct;
}
