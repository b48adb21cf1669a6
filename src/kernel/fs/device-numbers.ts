/** Device numbers (makedev(3)). */
import { encodeDevice } from '../abi/stat.js';

/** `st_dev` of a file system without a device: major 0. */
export function kernelDevice(minor: number): number {
  return encodeDevice(0, minor);
}

export const PIPE_DEVICE = kernelDevice(14);
export const ANONYMOUS_DEVICE = kernelDevice(15);
export const SHARED_MEMORY_DEVICE = kernelDevice(1);
export const SYS_DEVICE = kernelDevice(20);
export const PROC_DEVICE = kernelDevice(22);
export const SHM_DEVICE = kernelDevice(23);
export const DEVPTS_DEVICE = kernelDevice(24);
