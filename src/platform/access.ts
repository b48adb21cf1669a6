/** Access types of a mapping, or of one memory access: a bit set of `Access` values. */
export const Access = { Read: 1, Write: 2, Execute: 4 } as const;

/** A non-empty combination of `Access` bits where a mapping is made; one bit where an access is reported. */
export type AccessType = number;

/** `rwx` with `-` for what is absent, as /proc/PID/maps writes it. */
export function formatAccess(access: AccessType): string {
  return (
    (access & Access.Read ? 'r' : '-') +
    (access & Access.Write ? 'w' : '-') +
    (access & Access.Execute ? 'x' : '-')
  );
}
