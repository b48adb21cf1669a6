/* The file that a stub process executes: an ELF executable of one page, and what its page offers the tracer.
 */
#ifndef RINGFENCE_PTRACE_IMAGE_H
#define RINGFENCE_PTRACE_IMAGE_H

#include <elf.h>
#include <linux/filter.h>
#include <stdint.h>

#define RF_IMAGE_SIZE 4096
/* Where the image lies until it has a copy at RF_STUB_PAGE. */
#define RF_IMAGE_ADDRESS 0x400000
#define RF_IMAGE_FILTER_MAX 32
/* A page that the template alone has, to receive messages in. */
#define RF_SCRATCH_PAGE (RF_STUB_PAGE - RF_IMAGE_SIZE)

/* Offsets in the page. */
#define RF_IMAGE_SYSCALL offsetof(struct rf_stub_image, syscall)
#define RF_IMAGE_CLONE offsetof(struct rf_stub_image, clone)
#define RF_IMAGE_FLAGS(id) (offsetof(struct rf_stub_image, flags) + ((id) ? sizeof(uint64_t) : 0))
#define RF_IMAGE_EXCHANGE offsetof(struct rf_stub_image, exchange)
#define RF_IMAGE_COMPARE_EXCHANGE offsetof(struct rf_stub_image, compare_exchange)
#define RF_IMAGE_SET_BASES offsetof(struct rf_stub_image, set_bases)
#define RF_IMAGE_POPF (RF_IMAGE_SET_BASES + 10)
/* Length of `syscall`: where the instruction pointer is while the call is made. */
#define RF_SYSCALL_LENGTH 2

/* Flags of the clone by which the template makes a stub: our child, as the template is, and with its
 * descriptors. */
#define RF_STUB_FORK_FLAGS (CLONE_PARENT | CLONE_FILES | SIGCHLD)
/* Flags of the clone that makes another thread of a stub. */
#define RF_STUB_CLONE_FLAGS                                                                                  \
  (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_UNTRACED)

struct rf_stub_image {
  Elf64_Ehdr header;
  Elf64_Phdr load;
  char name[16];
  struct sock_fprog program;
  struct sock_filter filter[RF_IMAGE_FILTER_MAX];
  uint64_t flags[2]; /* for popfq: without and with the ID flag */
  uint8_t syscall[8];
  uint8_t clone[16];
  uint8_t exchange[8];         /* of esi with the word at rdi */
  uint8_t compare_exchange[8]; /* of eax with the word at rdi, which esi replaces */
  uint8_t set_bases[16];       /* FS base from rdi, GS base from rsi; then popfq */
};

/* A sealed memfd that holds the image, or a negative errno. */
int rf_image_create(void);

#endif
