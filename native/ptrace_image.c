#include "ptrace_image.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ptrace_stub.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x10U
#endif

#define CODE_SYSCALL 0x0f, 0x05
#define CODE_INT3 0xcc
#define CODE_TEST_EAX 0x85, 0xc0
#define CODE_JZ_OVER_INT3 0x74, 0x01
#define CODE_MOV_34_EAX 0xb8, 34, 0, 0, 0
#define CODE_JMP_TO_MOV_34_EAX 0xeb, 0xf7
#define JUMP_LENGTH 2
#define CODE_WRFSBASE_RDI 0xf3, 0x48, 0x0f, 0xae, 0xd7
#define CODE_WRGSBASE_RSI 0xf3, 0x48, 0x0f, 0xae, 0xde
#define CODE_POPFQ 0x9d
#define CODE_XCHG_ESI_AT_RDI 0x87, 0x37
#define CODE_LOCK_CMPXCHG_ESI_AT_RDI 0xf0, 0x0f, 0xb1, 0x37

#define FLAGS_PLAIN 0x202
#define FLAGS_ID 0x200000

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define LOAD_HIGH(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field) + 4)
/* Instructions to skip where the accumulator is `value`, and where it is not. */
#define COMPARE(value, equal, other) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), equal, other)
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
/* Skips the call; its SIGSYS goes to the tracer, and ends the process where none is left. */
#define REFUSE BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP)

#define SYSCALL_IP (RF_STUB_PAGE + RF_IMAGE_SYSCALL + RF_SYSCALL_LENGTH)
#define CLONE_IP (RF_STUB_PAGE + RF_IMAGE_CLONE + RF_SYSCALL_LENGTH)
#define PAUSE_IP (RF_STUB_PAGE + RF_IMAGE_CLONE + sizeof(clone_call) - JUMP_LENGTH)

/* The new thread, whose result is 0, waits until it is attached to. */
static const uint8_t clone_call[] = {CODE_SYSCALL,    CODE_TEST_EAX, CODE_JZ_OVER_INT3,     CODE_INT3,
                                     CODE_MOV_34_EAX, CODE_SYSCALL,  CODE_JMP_TO_MOV_34_EAX};
_Static_assert(SYS_pause == 34, "the number in the code");

/* A stub's calls are made from one instruction, the clone of its threads from another, and a new thread's
 * pause from a third; the last column is the index. `recvmsg` and `close` are for the template, and of use to
 * a stub for nothing. */
static const struct sock_filter filter[] = {
    LOAD(arch),                          /*  0 */
    COMPARE(AUDIT_ARCH_X86_64, 0, 25),   /*  1 */
    LOAD_HIGH(instruction_pointer),      /*  2 */
    COMPARE(SYSCALL_IP >> 32, 0, 23),    /*  3 */
    LOAD(instruction_pointer),           /*  4 */
    COMPARE(SYSCALL_IP, 0, 10),          /*  5 */
    LOAD(nr),                            /*  6 */
    COMPARE(SYS_mmap, 18, 0),            /*  7 */
    COMPARE(SYS_munmap, 17, 0),          /*  8 */
    COMPARE(SYS_recvmsg, 16, 0),         /*  9 */
    COMPARE(SYS_close, 15, 0),           /* 10 */
    COMPARE(SYS_clone, 0, 15),           /* 11 */
    LOAD_HIGH(args[0]),                  /* 12 */
    COMPARE(0, 0, 13),                   /* 13 */
    LOAD(args[0]),                       /* 14 */
    COMPARE(RF_STUB_FORK_FLAGS, 10, 11), /* 15 */
    COMPARE(PAUSE_IP, 0, 2),             /* 16 */
    LOAD(nr),                            /* 17 */
    COMPARE(SYS_pause, 7, 8),            /* 18 */
    COMPARE(CLONE_IP, 0, 7),             /* 19 */
    LOAD(nr),                            /* 20 */
    COMPARE(SYS_clone, 0, 5),            /* 21 */
    LOAD(args[0]),                       /* 22 */
    COMPARE(RF_STUB_CLONE_FLAGS, 0, 3),  /* 23 */
    LOAD_HIGH(args[0]),                  /* 24 */
    COMPARE(0, 0, 1),                    /* 25 */
    ALLOW,                               /* 26 */
    REFUSE,                              /* 27 */
};

_Static_assert(sizeof(struct rf_stub_image) <= RF_IMAGE_SIZE, "the image is a page");
_Static_assert(sizeof(filter) / sizeof(filter[0]) <= RF_IMAGE_FILTER_MAX, "the filter fits");

static void fill(struct rf_stub_image *image) {
  static const uint8_t call[] = {CODE_SYSCALL, CODE_INT3};
  static const uint8_t exchange[] = {CODE_XCHG_ESI_AT_RDI, CODE_INT3};
  static const uint8_t compare_exchange[] = {CODE_LOCK_CMPXCHG_ESI_AT_RDI, CODE_INT3};
  static const uint8_t set_bases[] = {CODE_WRFSBASE_RDI, CODE_WRGSBASE_RSI, CODE_POPFQ, CODE_INT3};
  image->header = (Elf64_Ehdr){
      .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
      .e_type = ET_EXEC,
      .e_machine = EM_X86_64,
      .e_version = EV_CURRENT,
      .e_entry = RF_IMAGE_ADDRESS + RF_IMAGE_SYSCALL,
      .e_phoff = offsetof(struct rf_stub_image, load),
      .e_ehsize = sizeof(Elf64_Ehdr),
      .e_phentsize = sizeof(Elf64_Phdr),
      .e_phnum = 1,
  };
  image->load = (Elf64_Phdr){
      .p_type = PT_LOAD,
      .p_flags = PF_R | PF_X,
      .p_vaddr = RF_IMAGE_ADDRESS,
      .p_filesz = RF_IMAGE_SIZE,
      .p_memsz = RF_IMAGE_SIZE,
      .p_align = RF_IMAGE_SIZE,
  };
  strcpy(image->name, "ringfence-stub");
  image->program.len = sizeof(filter) / sizeof(filter[0]);
  image->program.filter = (struct sock_filter *)(RF_STUB_PAGE + offsetof(struct rf_stub_image, filter));
  memcpy(image->filter, filter, sizeof(filter));
  memcpy(image->syscall, call, sizeof(call));
  memcpy(image->clone, clone_call, sizeof(clone_call));
  memcpy(image->exchange, exchange, sizeof(exchange));
  memcpy(image->compare_exchange, compare_exchange, sizeof(compare_exchange));
  memcpy(image->set_bases, set_bases, sizeof(set_bases));
  image->flags[0] = FLAGS_PLAIN;
  image->flags[1] = FLAGS_PLAIN | FLAGS_ID;
}

static int create_file(void) {
  int fd = memfd_create("ringfence-stub", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
  /* Kernels before 6.3 know no MFD_EXEC, and make every memfd executable. */
  return fd < 0 && errno == EINVAL ? memfd_create("ringfence-stub", MFD_CLOEXEC | MFD_ALLOW_SEALING) : fd;
}

int rf_image_create(void) {
  union {
    struct rf_stub_image image;
    uint8_t page[RF_IMAGE_SIZE];
  } content;
  memset(&content, 0, sizeof(content));
  fill(&content.image);
  int fd = create_file();
  if (fd < 0)
    return -errno;
  ssize_t written = pwrite(fd, &content, sizeof(content), 0);
  if (written == (ssize_t)sizeof(content) &&
      fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
    return fd;
  int status = written < 0 || written == (ssize_t)sizeof(content) ? -errno : -EIO;
  close(fd);
  return status;
}
