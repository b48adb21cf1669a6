/** A host file behind the pages. */
export interface Backing {
  pread(dst: Uint8Array, offset: number): number;
  /** Present where changes go to the host. */
  pwrite?(src: Uint8Array, offset: number): number;
}
