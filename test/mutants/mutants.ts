/** Defects to put in on purpose: each a text of one file and what takes its place, and the tests that must see it. */

export type Lane = 'this host' | 'kvm-amd' | 'kvm-intel';

export interface Mutant {
  readonly name: string;
  readonly file: string;
  /** Must stand in the file exactly once. */
  readonly text: string;
  readonly replacement: string;
  readonly lane: Lane;
  /** Names of test files, or parts of them. */
  readonly tests: readonly string[];
  /** Of what kind this host's class must be for it to show the defect; any where it is not said. */
  readonly hostClass?: 'deprivileged' | 'hardware';
}

const FLUSHES: readonly Mutant[] = [
  {
    name: 'no flush of a range',
    file: 'native/machine.c',
    text: 'if (!slot || madvise(slot, length, MADV_DONTNEED) == 0)',
    replacement: 'if (!slot || length > 0)',
    lane: 'this host',
    tests: ['contract/page-table'],
  },
  {
    name: 'no flush of everything',
    file: 'native/machine.c',
    text: '  if (status == 0)\n    status = set_flush_slot(machine, false);\n',
    replacement: '',
    lane: 'this host',
    tests: ['contract/page-table'],
  },
  {
    name: 'a freed table page is used again without a flush',
    file: 'native/table_pool.c',
    text: 'pool->quarantine[pool->quarantine_count++] = rf_table_index(gpa);',
    replacement: 'pool->free[pool->free_count++] = rf_table_index(gpa);',
    lane: 'this host',
    tests: ['contract/page-table'],
  },
  {
    name: 'a table page is not freed',
    file: 'native/table_pool.c',
    text: 'pool->quarantine[pool->quarantine_count++] = rf_table_index(gpa);',
    replacement: '(void)pool, (void)gpa;',
    lane: 'this host',
    tests: ['kvm/page-table'],
  },
  {
    name: 'a fault by what the processor remembers is reported',
    file: 'native/vcpu_run.c',
    text: '|| !is_spurious(space, registers)',
    replacement: '|| (is_spurious(space, registers), true)',
    lane: 'this host',
    tests: ['kvm/spurious-fault'],
  },
  {
    name: 'an address space does not change with its context',
    file: 'native/vcpu_run.c',
    text: 'bool same = sregs->cr3 == root && same_segments(sregs, user);',
    replacement: 'bool same = same_segments(sregs, user);',
    lane: 'this host',
    tests: ['contract', 'kvm/page-table'],
  },
];

const DOORWAYS: readonly Mutant[] = [
  {
    name: "the hardware class's doorway on the deprivileged class",
    file: 'native/vcpu.c',
    text: 'machine->host_class == RF_CLASS_DEPRIVILEGED ? rf_stub_image : rf_doorway_kernel',
    replacement: 'machine ? rf_doorway_kernel : rf_stub_image',
    lane: 'this host',
    tests: ['contract/switch'],
    hostClass: 'deprivileged',
  },
  {
    name: "the deprivileged class's doorway on the hardware class",
    file: 'native/vcpu.c',
    text: 'machine->host_class == RF_CLASS_DEPRIVILEGED ? rf_stub_image : rf_doorway_kernel',
    replacement: 'machine ? rf_stub_image : rf_doorway_kernel',
    lane: 'kvm-amd',
    tests: ['contract/switch'],
  },
  {
    name: 'any port access is taken for a system call',
    file: 'native/vm_exit.c',
    text: 'bool doorway = registers->user.rip == rf_stub_address(rf_doorway_user_return);',
    replacement: 'bool doorway = true;',
    lane: 'this host',
    tests: ['contract/faults', 'kvm/doorway'],
    hostClass: 'deprivileged',
  },
  {
    name: 'an interruption shows the inside of the doorway',
    file: 'native/doorway.c',
    text: 'if (is_within(rip, user_parts.begin, user_parts.end))',
    replacement: 'if (rip == 1)',
    lane: 'this host',
    tests: ['kvm/doorway'],
  },
  {
    name: 'a kick is lost before SYSRET',
    file: 'native/vcpu_run.c',
    text: ' && !rf_in_kernel_doorway(vcpu->run->s.regs.regs.rip);',
    replacement: ';',
    lane: 'kvm-amd',
    tests: ['kvm/interrupt-on-return'],
  },
  {
    name: 'SYSRET although RCX is not RIP',
    file: 'native/vcpu_run.c',
    text: 'at_syscall && same && user->rcx == user->rip && user->r11 == regs->rflags',
    replacement: 'at_syscall && same',
    lane: 'kvm-amd',
    tests: ['contract/switch'],
  },
  {
    name: "the program's flags in ring 0, on the way back by SYSRET",
    file: 'native/vcpu_run.c',
    text: '    regs->rflags =\n        doorway_flags;',
    replacement: '    (void)doorway_flags;',
    lane: 'kvm-amd',
    tests: ['contract/faults'],
  },
];

const ENTRY: readonly Mutant[] = [
  {
    // AMD's processors fault at such a RIP in ring 3, as Linux reports it; Intel's SYSRET in ring 0.
    name: 'no check for a canonical RIP',
    file: 'native/vcpu_run.c',
    text: 'if (!rf_is_canonical(registers->user.rip))',
    replacement: 'if (false)',
    lane: 'kvm-intel',
    tests: ['contract/switch'],
  },
  {
    name: 'no check for canonical FS and GS bases',
    file: 'native/vcpu_run.c',
    text: 'if (!rf_is_canonical(registers->user.fs_base) || !rf_is_canonical(registers->user.gs_base))',
    replacement: 'if (false)',
    lane: 'this host',
    tests: ['contract/switch'],
  },
  {
    name: 'flags are loaded as they are given',
    file: 'native/vcpu_run.c',
    text: '(from->eflags & RF_FLAGS_USER) | RF_FLAGS_FIXED',
    replacement: 'from->eflags | RF_FLAGS_FIXED',
    lane: 'this host',
    tests: ['contract/switch'],
  },
  {
    name: 'the bases of FS and GS are not compared',
    file: 'native/vcpu_run.c',
    text: 'sregs->fs.base == user->fs_base && sregs->gs.base == user->gs_base &&',
    replacement: '',
    lane: 'this host',
    tests: ['contract/switch'],
  },
  {
    name: 'every data segment is loaded as null',
    file: 'native/vcpu.c',
    text: 'if ((selector | 3) == RF_SEL_USER_SS)',
    replacement: 'if (true)\n    return result;\n  else if ((selector | 3) == RF_SEL_USER_SS)',
    lane: 'kvm-amd',
    tests: ['kvm/segments'],
  },
];

const DESCRIPTORS: readonly Mutant[] = [
  {
    name: "every port is open in the TSS's I/O map",
    file: 'native/stub.c',
    text: 'memset(io_map, 0xff,',
    replacement: 'memset(io_map, 0,',
    lane: 'this host',
    tests: ['contract/faults'],
  },
  {
    name: 'no stack of its own for an exception',
    file: 'native/stub.c',
    text: '.ist = 1,',
    replacement: '.ist = 0,',
    lane: 'this host',
    tests: ['contract/faults'],
  },
  {
    name: 'the stub can be read from ring 3',
    file: 'native/page_table.c',
    text: '  case RF_PAGE_DOORWAY_KERNEL:\n  case RF_PAGE_STUBS:\n    return 0;',
    replacement: '  case RF_PAGE_DOORWAY_KERNEL:\n  case RF_PAGE_STUBS:\n    return PTE_USER;',
    lane: 'this host',
    tests: ['contract/faults', 'contract/switch', 'kvm/doorway'],
  },
  {
    name: "descriptors and stack are the program's to write",
    file: 'native/page_table.c',
    text: '    return PTE_NX | PTE_WRITE;',
    replacement: '    return PTE_NX | PTE_WRITE | PTE_USER;',
    lane: 'this host',
    tests: ['kvm/system-pages'],
  },
];

const CONTEXTS: readonly Mutant[] = [
  {
    name: 'a context finds the answers that another left',
    file: 'native/vcpu.c',
    text: '  memcpy((void *)mailbox->answers, context->answers, sizeof(mailbox->answers));',
    replacement: '  (void)context;',
    lane: 'this host',
    tests: ['contract/published'],
  },
  {
    name: 'an answer changes for contexts that are not loaded alone',
    file: 'native/context.c',
    text: '  if (context->loaded)\n    atomic_store(&context->loaded->mailbox->answers[number], answer);\n',
    replacement: '',
    lane: 'this host',
    tests: ['contract/published'],
  },
  {
    name: 'answers outlive the credentials that they tell of',
    file: 'src/kernel/task/task.ts',
    text: '    this.answers.withdraw();\n',
    replacement: '',
    lane: 'this host',
    tests: ['task/run-loop'],
  },
  {
    name: 'extended state is not saved',
    file: 'native/vcpu.c',
    text: 'status = rf_kvm_get_xsave(vcpu->fd, &vcpu->loaded->xsave);',
    replacement: 'status = 0;',
    lane: 'this host',
    tests: ['contract/extended-state'],
  },
  {
    name: 'a preemption is told by what the context remembers, not by the vCPU that is owned',
    file: 'native/vcpu_run.c',
    text: 'uint64_t mark = atomic_exchange(&vcpu->mark, context->id);',
    replacement: `uint64_t mark = context->cpu == (int32_t)vcpu->id ? context->id : 0;
  atomic_store(&vcpu->mark, context->id);`,
    lane: 'this host',
    tests: ['kvm/preemption'],
  },
  {
    name: 'the preemption mark is left where nothing asks for it',
    file: 'native/vcpu_run.c',
    text: 'uint64_t mark = atomic_exchange(&vcpu->mark, context->id);',
    replacement:
      'uint64_t mark = cpu >= 0 ? atomic_exchange(&vcpu->mark, context->id) : atomic_load(&vcpu->mark);',
    lane: 'this host',
    tests: ['kvm/preemption'],
  },
  {
    name: 'preemptAllCpus leaves the marks',
    file: 'native/vcpu.c',
    text: '  atomic_store(&vcpu->mark, 0);',
    replacement: '',
    lane: 'this host',
    tests: ['kvm/preemption'],
  },
  {
    name: 'a kick between the check and KVM_RUN is lost',
    file: 'native/vcpu_run.c',
    text: '    int status = enter(vcpu, context, early);',
    replacement: `    usleep(100); /* or it would take a busy host to see it */
    __atomic_store_n(&vcpu->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
    int status = enter(vcpu, context, early);`,
    lane: 'this host',
    tests: ['kvm/interrupt-on-return'],
  },
];

const EARLY_EXITS: readonly Mutant[] = [
  {
    name: 'wherever KVM comes out early is a system call',
    file: 'native/vcpu_run.c',
    text: 'bool at_call = came_at_call(vcpu, context);',
    replacement: 'bool at_call = came_at_call(vcpu, context) || true;',
    lane: 'this host',
    hostClass: 'deprivileged',
    tests: ['kvm/early-exit'],
  },
  {
    name: 'a published answer is for the host where KVM comes out early',
    file: 'native/vcpu_run.c',
    text: '__atomic_load_n(&context->answers[regs->rax], __ATOMIC_RELAXED) == RF_NO_ANSWER)',
    replacement: 'context->id != 0)',
    lane: 'this host',
    hostClass: 'deprivileged',
    tests: ['kvm/early-exit'],
  },
];

const MAILBOX: readonly Mutant[] = [
  {
    name: 'the mailbox keeps what the last context had',
    file: 'native/vcpu.c',
    text: '  memset(mailbox, 0, offsetof(struct rf_mailbox, answers));\n',
    replacement: '',
    lane: 'this host',
    tests: ['kvm/mailbox'],
  },
  {
    name: 'a call on its way out has the answer of an earlier one',
    file: 'native/doorway.c',
    text: 'is_within(rip, parts->made, parts->unanswered) &&',
    replacement: 'is_within(rip, parts->made, parts->out) &&',
    lane: 'this host',
    tests: ['kvm/mailbox'],
  },
  {
    name: 'registers in the mailbox are taken as they are',
    file: 'native/exchange.c',
    text: 'if (!rf_is_canonical(user.rip) || !rf_is_canonical(user.fs_base) || !rf_is_canonical(user.gs_base))',
    replacement: 'if (false)',
    lane: 'this host',
    tests: ['kvm/mailbox'],
  },
  {
    name: 'a call that waits is not given up',
    file: 'native/exchange.c',
    text: '  rf_exchange_recall(vcpu);\n  return RF_AFRESH;',
    replacement: '  return RF_AFRESH;',
    lane: 'this host',
    tests: ['kvm/mailbox', 'contract/switch'],
  },
  {
    name: 'an answer goes by registers that were changed',
    file: 'native/exchange.c',
    text: 'RF_TURN_RUNNING && same_registers(&vcpu->held, &registers->user);',
    replacement: 'RF_TURN_RUNNING && (same_registers(&vcpu->held, &registers->user) || true);',
    lane: 'this host',
    tests: ['kvm/mailbox'],
  },
];

const PTRACE: readonly Mutant[] = [
  {
    name: 'the filter of system calls lets everything through',
    file: 'native/ptrace_image.c',
    text: '    LOAD(arch),                          /*  0 */',
    replacement: '    ALLOW,',
    lane: 'this host',
    tests: ['ptrace/confinement'],
  },
  {
    name: 'no filter of system calls',
    file: 'native/ptrace_template.c',
    text: `      {"install the system call filter",
       SYS_seccomp,
       {SECCOMP_SET_MODE_FILTER, 0, RF_STUB_PAGE + offsetof(struct rf_stub_image, program)}},`,
    replacement: '',
    lane: 'this host',
    tests: ['ptrace/confinement'],
  },
];

export const MUTANTS: readonly Mutant[] = [
  ...FLUSHES,
  ...DOORWAYS,
  ...ENTRY,
  ...DESCRIPTORS,
  ...CONTEXTS,
  ...EARLY_EXITS,
  ...MAILBOX,
  ...PTRACE,
];
