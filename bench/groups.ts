/** All that is measured, in the order of the report. */
import { count, type Effort } from './effort.js';
import { memoryRows } from './kvm-memory.js';
import { kvmRaw, kvmRawExitless, ptraceRows, seccompRows } from './raw/raw-rows.js';
import { sandboxGroups } from './sandboxes.js';
import { timerGroup } from './timers.js';
import type { Group } from './sampler.js';
import { exitlessRows, kvmSwitchRows, ptraceSwitchRows } from './switch.js';
import { workloadGroups } from './workloads/workload-rows.js';

/** The bare round trips. Those out of a guest are twenty to a hundred times the others, and sampled in a group of their own. */
function tripGroups(effort: Effort): readonly Group[] {
  const samples = count(effort, 10, 1);
  /** Switches that one sample is the mean of: some milliseconds a turn. */
  const batch = count(effort, 20, 5);
  /** The same of what takes a microsecond. */
  const longBatch = count(effort, 500, 20);
  return [
    {
      name: 'round trip, leaving the guest',
      rounds: count(effort, 50, 1),
      rows: [kvmRaw(samples, batch), ...kvmSwitchRows(samples, batch)],
    },
    {
      name: 'round trip',
      rounds: count(effort, 20, 1),
      rows: [
        ...kvmRawExitless(samples, longBatch),
        ...exitlessRows(samples, longBatch),
        ...ptraceRows(samples, batch),
        ...ptraceSwitchRows(samples, batch),
        ...seccompRows(samples, batch),
      ],
    },
  ];
}

export const groupsOf = (effort: Effort): readonly Group[] => [
  ...tripGroups(effort),
  ...workloadGroups(effort),
  ...sandboxGroups(effort),
  timerGroup(effort),
  {
    name: 'address spaces on KVM',
    rounds: count(effort, 20, 1),
    rows: memoryRows(count(effort, 10, 2)),
  },
];
