/** Interpreter scripts, execve(2): a file that begins with `#!`. */

/** Bytes of a file that are looked at to find out what it is (BINPRM_BUF_SIZE). */
export const HEAD_SIZE = 256;
/** Interpreters may be scripts themselves, so deep. */
export const MAX_DEPTH = 5;

export interface ScriptLine {
  readonly interpreter: string;
  /** All that follows the interpreter, as one argument. */
  readonly argument: string | undefined;
}

export function isScript(head: Uint8Array): boolean {
  return head[0] === 0x23 && head[1] === 0x21;
}

/** Reads the first line; `undefined` where it names no interpreter or cuts its name off. */
export function parseScript(head: Uint8Array): ScriptLine | undefined {
  const text = Buffer.from(head.buffer, head.byteOffset, head.length).toString('latin1');
  const newline = text.indexOf('\n');
  const line = text.slice(2, newline < 0 ? undefined : newline).split('\0', 1)[0] ?? '';
  const trimmed = line.replace(/^[ \t]+|[ \t]+$/g, '');
  const space = trimmed.search(/[ \t]/);
  if (trimmed === '') return undefined;
  // A name that fills the head may go on behind it.
  if (newline < 0 && space < 0 && head.length === HEAD_SIZE) return undefined;
  if (space < 0) return { interpreter: trimmed, argument: undefined };
  return {
    interpreter: trimmed.slice(0, space),
    argument: trimmed.slice(space).replace(/^[ \t]+/, ''),
  };
}
