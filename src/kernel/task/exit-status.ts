/** How a process ended: by exit(2), or by a signal. */
export type ExitStatus =
  { readonly code: number } | { readonly signal: number; readonly coreDumped: boolean };

/** The status a shell gives: the code, or 128 + n for signal n. */
export function shellStatus(status: ExitStatus): number {
  return 'code' in status ? status.code : 128 + status.signal;
}
