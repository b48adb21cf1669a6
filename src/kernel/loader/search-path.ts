/** Finds a program by its name, as execvp(3) does. */
import { Errno } from '../abi/errno.js';
import { PENDING } from '../fs/user/answers.js';
import { ExecError } from './exec-error.js';
import type { ExecutableOpener } from './executable-file.js';

/** The path to execute: `name` itself if it has a slash or there is no search path. @throws {ExecError} */
export function findProgram(
  opener: ExecutableOpener,
  name: string,
  searchPath: string | undefined,
): string {
  if (name === '') throw new ExecError(Errno.ENOENT, 'the program has no name');
  if (name.includes('/') || searchPath === undefined) return name;
  let denied: string | undefined;
  for (const directory of searchPath.split(':')) {
    const path = directory === '' ? name : `${directory}/${name}`;
    const file = opener.openExecutable(path);
    if (typeof file !== 'number') {
      file.close();
      return path;
    }
    if (file === PENDING) throw new ExecError(-file, `${path}: not known yet`);
    if (file === -Errno.EACCES) denied ??= path;
  }
  if (denied !== undefined) throw new ExecError(Errno.EACCES, `${denied}: permission denied`);
  throw new ExecError(Errno.ENOENT, `${name}: no such program in any directory of PATH`);
}
