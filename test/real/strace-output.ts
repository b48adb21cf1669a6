/** What `-f -o FILE` of strace and of `ringfence trace` leaves, without what differs from run to run. */

/** The lines of each task, those of one call joined; tasks in order of their numbers. */
export function tasksOf(output: string): string[][] {
  const tasks = new Map<number, string[]>();
  const begun = new Map<number, string>();
  for (const line of output.split('\n')) {
    const match = /^(\d+) +(.*)$/.exec(line);
    if (match === null) continue;
    const [tid, text] = [Number(match[1]), match[2] ?? ''];
    const lines = tasks.get(tid) ?? [];
    tasks.set(tid, lines);
    // A call that is never answered ends in the same words, but with a result.
    if (text.endsWith(' <unfinished ...>')) {
      begun.set(tid, text.slice(0, -' <unfinished ...>'.length));
      continue;
    }
    const rest = /^<\.\.\. \w+ resumed>(.*)$/.exec(text)?.[1];
    lines.push(rest === undefined ? text : `${begun.get(tid) ?? ''}${rest}`);
  }
  const ids = [...tasks.keys()].sort((one, other) => one - other);
  return ids.map((id) => (tasks.get(id) ?? []).map((line) => normalise(line, ids)));
}

/** Calls whose answer is the number of a task. */
const GIVES_TASK =
  /^(clone3?|v?fork|getpid|gettid|getppid|getpgrp|getpgid|setsid|wait4|set_tid_address|tcgetpgrp)\(/;
/** Calls whose first argument is one. */
const TAKES_TASK = /^(kill|tgkill|tkill|wait4|setpgid|pidfd_open|getpgid|prlimit64)\((\d+)/;

function normalise(line: string, ids: readonly number[]): string {
  const task = (text: string): string => {
    const index = ids.indexOf(Number(text));
    return index < 0 ? 'TASK' : `TASK${String(index)}`;
  };
  let text = line
    // Only some lines are as long as the column of results: where an address is longer, the gap is smaller.
    .replace(/\) +=/, ') =')
    .replace(/^(brk\()0x[0-9a-f]+/, '$1ADDRESS')
    .replace(/^(brk\(.*= )0x[0-9a-f]+/, '$1ADDRESS')
    .replace(/0x[0-9a-f]{9,}/g, 'ADDRESS')
    .replace(/^(rseq\(.*= ).*/, '$1RESULT')
    .replace(/^(getppid\(\) = ).*/, '$1PARENT')
    .replace(/^getrandom\("[^"]*"/, 'getrandom(RANDOM')
    .replace(/si_utime=\d+( \/\*.*?\*\/)?, si_stime=\d+( \/\*.*?\*\/)?/, 'TIMES')
    .replace(/si_pid=(\d+)/, (_, id: string) => `si_pid=${task(id)}`)
    .replace(/^(rt_sigreturn\(.*= ).*/, '$1RESTORED')
    .replace(/(parent_tid=\[)(\d+)/, (_, begin: string, id: string) => begin + task(id));
  if (GIVES_TASK.test(text)) {
    text = text.replace(/= (\d+)$/, (_, id: string) => `= ${id === '0' ? '0' : task(id)}`);
  }
  text = text.replace(/^(tgkill\(\d+, )(\d+)/, (_, begin: string, id: string) => begin + task(id));
  return text.replace(TAKES_TASK, (_, name: string, id: string) =>
    id === '0' ? `${name}(0` : `${name}(${task(id)}`,
  );
}
