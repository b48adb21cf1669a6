/** Metadata of a host object that the guest may change on the host. */
import { hostFiles } from '../../host/host-files.js';
import { StatRecord } from '../abi/stat.js';
import type { HostObject } from './host-fs.js';
import type { AttributeChange } from './inode.js';

const KEEP = -1;

function changeTimes(object: HostObject, change: AttributeChange): number {
  if (change.atime === undefined && change.mtime === undefined) {
    return 0;
  }
  const record = new StatRecord();
  const error = object.stat(record);
  if (error < 0) {
    return error;
  }
  const atime = change.atime ?? record.time('atime');
  const mtime = change.mtime ?? record.time('mtime');
  return hostFiles.utimesBeneath(
    object.root.fd,
    object.path,
    atime.seconds,
    atime.nanoseconds,
    mtime.seconds,
    mtime.nanoseconds,
  );
}

export function changeHostAttributes(object: HostObject, change: AttributeChange): number {
  const { root } = object;
  let error = 0;
  root.forget();
  if (change.uid !== undefined || change.gid !== undefined) {
    const { uid = KEEP, gid = KEEP } = change;
    error = hostFiles.chownBeneath(root.fd, object.path, uid, gid);
  }
  if (error === 0 && change.mode !== undefined) {
    error = hostFiles.chmodBeneath(root.fd, object.path, change.mode);
  }
  if (error === 0) {
    error = changeTimes(object, change);
  }
  const record = new StatRecord();
  object.stat(record);
  return error;
}

export function getHostXattr(object: HostObject, name: string, out: Uint8Array): number {
  return hostFiles.getxattrBeneath(object.root.fd, object.path, name, out);
}

export function listHostXattr(object: HostObject, out: Uint8Array): number {
  return hostFiles.listxattrBeneath(object.root.fd, object.path, out);
}
