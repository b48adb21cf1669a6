/** A string of bytes (Latin-1 characters) in C's notation, as strace(1) prints it. */
const ESCAPES: ReadonlyMap<number, string> = new Map([
  [0x09, '\\t'],
  [0x0a, '\\n'],
  [0x0b, '\\v'],
  [0x0c, '\\f'],
  [0x0d, '\\r'],
  [0x22, '\\"'],
  [0x5c, '\\\\'],
]);

/** With `cut`, three dots say that more follows. */
export function quote(text: string, cut = false): string {
  let quoted = '"';
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    const escape = ESCAPES.get(code);
    if (escape !== undefined) quoted += escape;
    else if (code >= 0x20 && code < 0x7f) quoted += text.charAt(index);
    else quoted += octal(code, text.charCodeAt(index + 1));
  }
  return quoted + (cut ? '"...' : '"');
}

/** As few digits as the next character allows. */
function octal(code: number, next: number): string {
  const digits = code.toString(8);
  const nextIsDigit = next >= 0x30 && next <= 0x37;
  return `\\${nextIsDigit ? digits.padStart(3, '0') : digits}`;
}
