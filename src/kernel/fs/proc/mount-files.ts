/** /proc/PID/mounts and mountinfo. */
import { deviceMajor, deviceMinor, StatRecord } from '../../abi/stat.js';
import type { Caller } from '../caller.js';
import { type Location, pathFrom } from '../location.js';
import type { Mount } from '../mount.js';
import type { MountNamespace } from '../namespace.js';

/** Blanks and backslashes in octal, as getmntent(3) expects them. */
function escape(text: string): string {
  return text.replace(
    /[ \t\n\\]/g,
    (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`,
  );
}

interface Shown {
  readonly mount: Mount;
  readonly path: string;
}

/** The mounts that the caller's root shows. */
function* shownMounts(namespace: MountNamespace, caller: Caller): Generator<Shown> {
  const root: Location = caller.fsContext?.root ?? namespace.root;
  for (const mount of namespace.mounts) {
    const path = pathFrom(root, { mount, dentry: mount.root });
    if (path !== undefined) {
      yield { mount, path };
    }
  }
}

export function mountTable(namespace: MountNamespace, caller: Caller): string {
  let text = '';
  for (const { mount, path } of shownMounts(namespace, caller)) {
    const { source, fs, options } = mount;
    text += `${escape(source)} ${escape(path)} ${fs.type} ${options} 0 0\n`;
  }
  return text;
}

export function mountInfo(namespace: MountNamespace, caller: Caller): string {
  let text = '';
  const record = new StatRecord();
  for (const { mount, path } of shownMounts(namespace, caller)) {
    mount.fs.root.stat(record);
    const parent = mount.parent?.id ?? 1;
    const device = `${String(deviceMajor(record.device))}:${String(deviceMinor(record.device))}`;
    const access = mount.readOnly ? 'ro' : 'rw';
    text +=
      `${String(mount.id)} ${String(parent)} ${device} / ${escape(path)} ${mount.options} - ` +
      `${mount.fs.type} ${escape(mount.source)} ${access}\n`;
  }
  return text;
}
