/** Where processors are, as /sys/devices/system tells it: cores of one package, on one node, one thread each. */

/** Bits of a group of a mask. */
const GROUP = 32;

/** The processors from `first` to `last` as a list, `0-3`. */
export function cpuList(first: number, last: number): string {
  return `${first === last ? String(first) : `${String(first)}-${String(last)}`}\n`;
}

/** The same as a mask: hexadecimal groups of 32 bits, the highest first, as wide as `cpuCount` asks for. */
export function cpuMask(first: number, last: number, cpuCount: number): string {
  const groups: string[] = [];
  for (let low = 0; low < cpuCount; low += GROUP) {
    let bits = 0;
    for (let cpu = Math.max(first, low); cpu <= last && cpu < low + GROUP; cpu++) {
      bits += 2 ** (cpu - low);
    }
    const digits = Math.ceil(Math.min(GROUP, cpuCount - low) / 4);
    groups.unshift(bits.toString(16).padStart(digits, '0'));
  }
  return `${groups.join(',')}\n`;
}

/** Names below /sys/devices/system, and contents. */
export function topologyFiles(cpuCount: number): [string, string][] {
  const last = cpuCount - 1;
  const files: [string, string][] = [['node/node0/cpumap', cpuMask(0, last, cpuCount)]];
  for (let cpu = 0; cpu < cpuCount; cpu++) {
    const add = (name: string, content: string): void => {
      files.push([`cpu/cpu${String(cpu)}/topology/${name}`, content]);
    };
    add('core_id', `${String(cpu)}\n`);
    for (const name of ['die_id', 'physical_package_id']) {
      add(name, '0\n');
    }
    for (const name of ['core_cpus', 'thread_siblings']) {
      add(name, cpuMask(cpu, cpu, cpuCount));
      add(`${name}_list`, cpuList(cpu, cpu));
    }
    for (const name of ['core_siblings', 'die_cpus', 'package_cpus']) {
      add(name, cpuMask(0, last, cpuCount));
      add(`${name}_list`, cpuList(0, last));
    }
  }
  return files;
}
