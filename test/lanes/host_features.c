/*
 * What a KVM host does where hosts differ: a row each, name and what was seen, found by guests of a few
 * instructions on the product's own machine, vCPU and run loop.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "../../native/kvm_ioctl.h"
#include "../../native/page_table.h"
#include "../../native/self_test.h"
#include "../../native/stub.h"
#include "../../native/vcpu.h"

#define CODE_ADDRESS 0x10000
#define UNBACKED_ADDRESS 0x20000
#define UNBACKED_GPA 0x200000
#define PAGE_ADDRESS 0x30000
#define LARGE_ADDRESS 0x4000000000
#define GIB (1ull << 30)
#define BATCHES 10
#define ROUNDS 100

#define CR4_UMIP (1u << 11)
#define CR4_SMEP (1u << 20)
#define CR4_SMAP (1u << 21)

static struct rf_machine machine;
static struct rf_vcpu vcpu, doomed;
static struct rf_space space;
static struct rf_context context, other;

static void check(int status, const char *stage) {
  if (status >= 0)
    return;
  fprintf(stderr, "host_features: %s: %s\n", stage, strerror(-status));
  exit(1);
}

static void say(const char *name, const char *value) { printf("%-34s %s\n", name, value); }
static void say_bool(const char *name, bool value) { say(name, value ? "yes" : "no"); }

/* Runs `code` with the flush page as its memory; a system call ends it. */
static enum rf_result run(const uint8_t *code, size_t length, struct rf_registers *registers) {
  memset(machine.flush_page, 0, RF_PAGE_SIZE);
  memcpy(machine.flush_page, code, length);
  memcpy(machine.flush_page + length, (const uint8_t[]){0x0f, 0x05}, 2);
  registers->user.rip = CODE_ADDRESS;
  registers->user.rsp = CODE_ADDRESS + RF_PAGE_SIZE;
  check(rf_vcpu_load(&vcpu, &context), "extended state");
  return rf_vcpu_run(&vcpu, &context, &space, registers, -1);
}

#define RUN(registers, ...)                                                                                  \
  run((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), registers)

static const char *outcome(enum rf_result result, const struct rf_registers *registers) {
  static char text[64];
  if (result == RF_SYSCALL)
    return "runs";
  if (result == RF_SIGNAL)
    snprintf(text, sizeof(text), "vector %u, error code %#x", registers->vector, registers->error_code);
  else
    snprintf(text, sizeof(text), "result %d, exit %u", result, vcpu.failure.exit_reason);
  return text;
}

#define ROW(name, ...)                                                                                       \
  do {                                                                                                       \
    struct rf_registers registers_ = {0};                                                                    \
    enum rf_result result_ = RUN(&registers_, __VA_ARGS__);                                                  \
    say(name, outcome(result_, &registers_));                                                                \
  } while (0)

static void prepare(const char *device) {
  const char *stage = "";
  check(rf_machine_create(&machine, device, &stage), stage);
  check(rf_vcpu_create(&vcpu, &machine, 0, &stage), stage);
  check(rf_self_test(&machine, &vcpu, &stage), stage);
  machine.state_components = rf_find_state_components(vcpu.fd);
  check(rf_space_create(&space, &machine), "address space");
  check(rf_space_map(&space, CODE_ADDRESS, rf_machine_test_page_gpa(), RF_PAGE_SIZE,
                     RF_ACCESS_READ | RF_ACCESS_WRITE | RF_ACCESS_EXECUTE),
        "map");
  check(rf_space_enter(&space, &vcpu), "page tables");
  rf_context_init(&context);
  rf_context_init(&other);
}

static const struct kvm_cpuid_entry2 *leaf(uint32_t function) {
  static const struct kvm_cpuid_entry2 none;
  for (uint32_t i = 0; i < machine.cpuid.head.nent; i++)
    if (machine.cpuid.entries[i].function == function && machine.cpuid.entries[i].index == 0)
      return &machine.cpuid.entries[i];
  return &none;
}

static void show_processor(void) {
  char text[64];
  say("`syscall` in ring 3 arrives at", machine.host_class == RF_CLASS_HARDWARE ? "CPL 0" : "CPL 3");
  say_bool("SMEP", machine.cr4 & CR4_SMEP);
  say_bool("SMAP", machine.cr4 & CR4_SMAP);
  say_bool("UMIP", machine.cr4 & CR4_UMIP);
  say_bool("PCID offered (not used)", leaf(1)->ecx & (1u << 17));
  say_bool("PKU offered (not used)", leaf(7)->ecx & (1u << 3));
  snprintf(text, sizeof(text), "%#llx", (unsigned long long)machine.xcr0);
  say("XCR0 set", text);
  snprintf(text, sizeof(text), "%#x", machine.state_components);
  say("components KVM_SET_XSAVE takes", text);
  struct rf_registers registers = {.user.rax = 7};
  RUN(&registers, 0x0f, 0xa2); /* cpuid */
  say("CPUID in ring 3",
      (uint32_t)registers.user.rbx == leaf(7)->ebx ? "as the vCPU was given" : "the host's");
}

static void show_instructions(void) {
  ROW("xgetbv", 0x31, 0xc9, 0x0f, 0x01, 0xd0);
  ROW("AVX: vpxor ymm", 0xc5, 0xfd, 0xef, 0xc0);
  ROW("AVX-512: vpxord zmm", 0x62, 0xf1, 0x7d, 0x48, 0xef, 0xc0);
  ROW("sgdt", 0x0f, 0x01, 0x44, 0x24, 0xe0);
  ROW("int $0x80", 0xcd, 0x80);
  ROW("sysenter", 0x0f, 0x34);
  ROW("int1", 0xf1);
  ROW("int3", 0xcc);
  ROW("vmcall", 0x0f, 0x01, 0xc1);
  ROW("vmmcall", 0x0f, 0x01, 0xd9);
  ROW("rdpmc", 0x31, 0xc9, 0x0f, 0x33);
  ROW("out to another port", 0xe6, 0x80);
  ROW("a non-canonical load", 0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x48, 0x8b, 0);
  struct rf_registers registers = {0};
  char text[64];
  bool runs = RUN(&registers, 0x0f, 0x01, 0xf9) == RF_SYSCALL; /* rdtscp */
  snprintf(text, sizeof(text), "TSC_AUX %#x", (uint32_t)registers.user.rcx);
  /* RCX is SYSCALL's own, too. */
  runs = runs && RUN(&registers, 0x0f, 0x01, 0xf9, 0x89, 0xcb) == RF_SYSCALL; /* mov %ecx, %ebx */
  snprintf(text, sizeof(text), "TSC_AUX %#x", (uint32_t)registers.user.rbx);
  say("rdtscp", runs ? text : "faults");
}

/* Sets state in one context, lets another run, and looks whether it came back. */
static void show_state(void) {
  struct rf_registers registers = {.user.rax = 0x1234000};
  enum rf_result result = RUN(&registers, 0xf3, 0x48, 0x0f, 0xae, 0xd0); /* wrfsbase %rax */
  if (result == RF_SYSCALL)
    say("wrfsbase", registers.user.fs_base == 0x1234000 ? "runs, the host sees the base"
                                                        : "runs, the host does not see the base");
  else
    say("wrfsbase", outcome(result, &registers));
  registers = (struct rf_registers){.user.rax = RF_SEL_USER_SS};
  RUN(&registers, 0x8e, 0xd8); /* mov %eax, %ds */
  say("a selector loaded in ring 3", registers.user.ds == RF_SEL_USER_SS ? "is told" : "is not told");
}

/* As a processor would fault that remembers what an entry was: the exception is injected. */
static void show_spurious_fault(void) {
  struct rf_registers registers = {0};
  struct kvm_vcpu_events events;
  RUN(&registers, 0x90);
  check(ioctl(vcpu.fd, KVM_GET_VCPU_EVENTS, &events) < 0 ? -errno : 0, "KVM_GET_VCPU_EVENTS");
  events.exception.injected = 1;
  events.exception.nr = 14;
  events.exception.has_error_code = 1;
  events.exception.error_code = 7; /* a write, in ring 3, of a page that is present */
  check(ioctl(vcpu.fd, KVM_SET_VCPU_EVENTS, &events) < 0 ? -errno : 0, "KVM_SET_VCPU_EVENTS");
  vcpu.run->s.regs.sregs.cr2 = CODE_ADDRESS;
  check(rf_kvm_set_sregs(vcpu.fd, &vcpu.run->s.regs.sregs), "KVM_SET_SREGS");
  registers.user.rip = CODE_ADDRESS;
  enum rf_result result = rf_vcpu_run(&vcpu, &context, &space, &registers, -1);
  say("a write fault that nothing explains",
      result == RF_SYSCALL ? "is forgiven" : outcome(result, &registers));
}

static void show_large_pages(void) {
  int fd = memfd_create("host-features", MFD_CLOEXEC);
  check(fd < 0 || ftruncate(fd, (off_t)GIB) < 0 ? -errno : 0, "memfd");
  uint8_t *host = mmap(NULL, GIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
  check(host == MAP_FAILED ? -errno : 0, "mmap");
  check(rf_machine_attach_memory(&machine, fd, host, GIB), "memory");
  check(rf_machine_set_memory_slot(&machine, RF_FIRST_MEMORY_SLOT, 0, GIB), "slot");
  uint32_t tables = rf_table_count(&machine.tables);
  check(rf_space_map(&space, LARGE_ADDRESS, RF_GPA_MEMORY, GIB, RF_ACCESS_READ | RF_ACCESS_WRITE), "map");
  bool large = rf_table_count(&machine.tables) - tables < 3;
  host[0x12345678] = 42;
  struct rf_registers registers = {.user.rax = LARGE_ADDRESS + 0x12345678};
  enum rf_result result = RUN(&registers, 0x0f, 0xb6, 0x18); /* movzbl (%rax), %ebx */
  say("1 GiB pages", !large                                             ? "not offered"
                     : result == RF_SYSCALL && registers.user.rbx == 42 ? "work"
                                                                        : "fail");
}

static double microseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* The best of some batches: what else runs on the host only adds to it. */
static void say_time(const char *name, void (*once)(void)) {
  char text[64];
  double best = 1e9;
  for (int batch = 0; batch < BATCHES; batch++) {
    double start = microseconds();
    for (int i = 0; i < ROUNDS; i++)
      once();
    double mean = (microseconds() - start) / ROUNDS;
    best = mean < best ? mean : best;
  }
  snprintf(text, sizeof(text), "%.1f us", best);
  say(name, text);
}

static struct rf_registers timed;

static void leave_at_once(void) {
  vcpu.run->immediate_exit = 1;
  rf_kvm_run(vcpu.fd);
}

static void make_system_call(void) {
  timed.user.rip = timed.user.rcx = CODE_ADDRESS + 1;
  rf_vcpu_run(&vcpu, &context, &space, &timed, -1);
}

static void raise_exception(void) { rf_vcpu_run(&vcpu, &context, &space, &timed, -1); }

static void map_read_unmap(void) {
  check(rf_space_map(&space, PAGE_ADDRESS, RF_GPA_MEMORY, RF_PAGE_SIZE, RF_ACCESS_READ), "map");
  timed.user.rip = CODE_ADDRESS;
  timed.user.rax = PAGE_ADDRESS;
  rf_vcpu_run(&vcpu, &context, &space, &timed, -1);
  check(rf_space_unmap(&space, PAGE_ADDRESS, RF_PAGE_SIZE), "unmap");
}

static void show_prices(void) {
  say_time("KVM_RUN with immediate_exit", leave_at_once);
  RUN(&timed, 0x90);
  say_time("a system call and back", make_system_call);
  RUN(&timed, 0x0f, 0x0b);
  say_time("an exception (ud2) and back", raise_exception);
  RUN(&timed, 0x8a, 0x18); /* mov (%rax), %bl */
  say_time("a page mapped, read and unmapped", map_read_unmap);
}

/* What no guest can bring about, on a vCPU that is not used again. */
static void show_ends(void) {
  const char *stage = "";
  struct rf_registers registers = {.user.rax = UNBACKED_ADDRESS};
  check(rf_space_map(&space, UNBACKED_ADDRESS, UNBACKED_GPA, RF_PAGE_SIZE, RF_ACCESS_READ), "map");
  enum rf_result result = RUN(&registers, 0x48, 0x8b, 0x18); /* mov (%rax), %rbx */
  say("an access to no memory slot", result == RF_FAILED && vcpu.failure.exit_reason == KVM_EXIT_MMIO
                                         ? "KVM_EXIT_MMIO"
                                         : outcome(result, &registers));
  check(rf_vcpu_create(&doomed, &machine, 1, &stage), stage);
  check(rf_space_enter(&space, &doomed), "page tables");
  check(rf_vcpu_load(&doomed, &other), "extended state");
  doomed.run->s.regs.sregs.idt.limit = 0;
  memcpy(machine.flush_page, (const uint8_t[]){0x0f, 0x0b}, 2);
  registers = (struct rf_registers){.user.rip = CODE_ADDRESS, .user.rbx = 0x5a5a};
  rf_vcpu_run(&doomed, &other, &space, &registers, -1);
  if (doomed.failure.exit_reason != KVM_EXIT_SHUTDOWN)
    say("a triple fault", "is something else than KVM_EXIT_SHUTDOWN");
  else
    say("a triple fault", doomed.run->s.regs.regs.rbx == 0x5a5a ? "KVM_EXIT_SHUTDOWN, registers kept"
                                                                : "KVM_EXIT_SHUTDOWN, the vCPU is reset");
}

int main(void) {
  prepare("/dev/kvm");
  show_processor();
  show_instructions();
  show_state();
  show_spurious_fault();
  show_large_pages();
  show_prices();
  show_ends();
  return 0;
}
