/** What a chat template looks at, read off its syntax. */
import { parse, tokenize } from '@huggingface/jinja';

/** A node of the parsed template. */
interface Node {
  readonly type: string;
  readonly [field: string]: unknown;
}

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && typeof (value as Node).type === 'string';

const nodesOf = (value: unknown): Node[] => (Array.isArray(value) ? value : [value]).filter(isNode);

const nameOf = (node: unknown): unknown =>
  isNode(node) && (node.type === 'Identifier' || node.type === 'StringLiteral') ? node.value : undefined;

const MESSAGES = 'messages';
/** Names that give messages: the conversation, and the neighbours that a loop knows. */
const HOLD_MESSAGES = new Set<unknown>([MESSAGES, 'previtem', 'nextitem']);

class Reader {
  /** Names that hold one message. */
  readonly #messages = new Set<unknown>();

  /** Statements that write, loop and decide, and read no text to do so. */
  statements(nodes: unknown): boolean {
    return nodesOf(nodes).every((node) => this.#statement(node));
  }

  #statement(node: Node): boolean {
    switch (node.type) {
      case 'Comment':
        return true;
      case 'If':
        return this.#isBlind(node.test) && this.statements(node.body) && this.statements(node.alternate);
      case 'For': {
        const loops = this.#isConversation(node.iterable);
        if (loops) this.#messages.add(nameOf(node.loopvar));
        return (
          (loops || this.#isBlind(node.iterable)) &&
          nameOf(node.loopvar) !== undefined &&
          nameOf(node.loopvar) !== MESSAGES &&
          this.statements(node.body) &&
          this.statements(node.defaultBlock)
        );
      }
      case 'Set':
        return (
          nameOf(node.assignee) !== undefined &&
          nameOf(node.assignee) !== MESSAGES &&
          !this.#messages.has(nameOf(node.assignee)) &&
          node.value !== null &&
          this.#isBlind(node.value)
        );
      default:
        return this.#writes(node);
    }
  }

  /** The conversation or a part of it. */
  #isConversation(node: unknown): boolean {
    if (nameOf(node) === MESSAGES) return true;
    return (
      isNode(node) &&
      node.type === 'MemberExpression' &&
      nameOf(node.object) === MESSAGES &&
      isNode(node.property) &&
      node.property.type === 'SliceExpression' &&
      Object.values(node.property).every((part) => !isNode(part) || this.#isBlind(part))
    );
  }

  #isMessage(node: unknown): boolean {
    if (this.#messages.has(nameOf(node))) return true;
    return (
      isNode(node) &&
      node.type === 'MemberExpression' &&
      node.computed === true &&
      nameOf(node.object) === MESSAGES &&
      isNode(node.property) &&
      node.property.type !== 'SliceExpression' &&
      this.#isBlind(node.property)
    );
  }

  /** An output: texts of messages as they are or trimmed, and what else needs none of them. */
  #writes(node: Node): boolean {
    if (node.type === 'BinaryExpression')
      return (
        isNode(node.operator) &&
        (node.operator.value === '+' || node.operator.value === '~') &&
        [node.left, node.right].every((side) => isNode(side) && this.#writes(side))
      );
    if (node.type === 'FilterExpression' && nameOf(node.filter) === 'trim')
      return this.#isText(node.operand) || this.#isBlind(node);
    return this.#isText(node) || this.#isBlind(node);
  }

  #isText(node: unknown): boolean {
    return (
      isNode(node) &&
      node.type === 'MemberExpression' &&
      nameOf(node.property) === 'content' &&
      this.#isMessage(node.object)
    );
  }

  /** Whether an expression's value is the same for other texts: it may know roles and the number of messages. */
  #isBlind(node: unknown): boolean {
    if (!isNode(node)) return true;
    if (node.type === 'MemberExpression' && this.#isMessage(node.object))
      return nameOf(node.property) === 'role';
    if (node.type === 'FilterExpression' && this.#isConversation(node.operand))
      return nameOf(node.filter) === 'length';
    if (node.type === 'Identifier' && (this.#messages.has(node.value) || HOLD_MESSAGES.has(node.value)))
      return false;
    return Object.values(node).every((part) => nodesOf(part).every((one) => this.#isBlind(one)));
  }
}

/**
 * Whether a template writes the texts of messages, trimmed at most, and does nothing else with them: then roles decide whether it refuses a conversation,
 * and what stands around each text. False if that cannot be read off its syntax.
 */
export function writesTextsOnly(source: string): boolean {
  try {
    return new Reader().statements(parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true })).body);
  } catch {
    return false; // no template: whoever renders it says so
  }
}
