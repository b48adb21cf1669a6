import { supplementaryGroups } from '../../host/groups.js';

/** Identities of a process, credentials(7). Immutable: a change replaces the object. */
export interface Credentials {
  readonly uid: number;
  readonly euid: number;
  readonly suid: number;
  readonly fsuid: number;
  readonly gid: number;
  readonly egid: number;
  readonly sgid: number;
  readonly fsgid: number;
  /** Supplementary groups, sorted. */
  readonly groups: readonly number[];
}

/** One identity in every place. */
export function simpleCredentials(
  uid: number,
  gid: number,
  groups: readonly number[],
): Credentials {
  return {
    uid,
    euid: uid,
    suid: uid,
    fsuid: uid,
    gid,
    egid: gid,
    sgid: gid,
    fsgid: gid,
    groups: [...groups].sort((a, b) => a - b),
  };
}

/** Those of the process that runs the kernel, so that `id` and `ls -l` agree with a native run. */
export function hostCredentials(): Credentials {
  return simpleCredentials(
    process.geteuid?.() ?? 0,
    process.getegid?.() ?? 0,
    supplementaryGroups(),
  );
}

/** Whether `sender` may signal `target` and the like (kill(2)): root may, and those with an id in common. */
export function maySignal(
  sender: { readonly credentials: Credentials },
  target: { readonly credentials: Credentials },
): boolean {
  const { uid, euid } = sender.credentials;
  const { uid: real, suid: saved } = target.credentials;
  return euid === 0 || euid === real || euid === saved || uid === real || uid === saved;
}
