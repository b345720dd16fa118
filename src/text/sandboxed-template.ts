/** A Jinja template with transformers' settings (trim_blocks, lstrip_blocks), parsed once and run in the sandbox of template-sandbox.ts. */
import { Environment, parse, tokenize } from '@huggingface/jinja';
import { printedNodes } from './template-python.ts';
import { SandboxLimit, SandboxedInterpreter } from './template-sandbox.ts';

/** The longest in use (GPT-OSS) has 16,738 characters. */
export const MAX_SANDBOXED_CHARS = 256 * 1024;
/** The library's lexer takes quadratic time over a run of white space. */
const MAX_SPACE_RUN = 512;

export class SandboxedTemplate {
  readonly #program: ReturnType<typeof parse>;
  readonly #printed: WeakSet<object>;

  /** @throws SandboxLimit if it is too long, and what the parser throws */
  constructor(readonly source: string) {
    if (source.length > MAX_SANDBOXED_CHARS) throw new SandboxLimit(`it has ${source.length} characters`);
    if (new RegExp(`\\s{${MAX_SPACE_RUN}}`).test(source))
      throw new SandboxLimit(`it has more than ${MAX_SPACE_RUN} spaces in a row`);
    this.#program = parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true }));
    this.#printed = printedNodes(this.#program);
  }

  /**
   * The text that it makes of variables.
   *
   * @param budget units of work
   * @param onEnd gets the units that are left, below 0 if there were too few; called also if it fails
   * @throws SandboxLimit, RangeError if it nests too deeply, and what the interpreter and the variables throw
   */
  render(
    variables: Readonly<Record<string, unknown>>,
    budget: number,
    onEnd?: (left: number) => void,
  ): string {
    const scope = new Environment();
    const interpreter = new SandboxedInterpreter(scope, budget, this.source.length, this.#printed);
    try {
      for (const [name, value] of Object.entries(variables)) scope.set(name, value);
      return String(interpreter.run(this.#program).value);
    } finally {
      onEnd?.(interpreter.left);
    }
  }
}
