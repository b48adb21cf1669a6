/* The guest's own code and tables: the image of ring0/stub.S, and the descriptor tables that lead to it. */
#ifndef RINGFENCE_STUB_H
#define RINGFENCE_STUB_H

#include <stdbool.h>
#include <stdint.h>

#include "../ring0/abi.h"

extern const uint8_t rf_stub_image[];
extern const uint8_t rf_doorway_user[];
extern const uint8_t rf_doorway_user_stored[];
extern const uint8_t rf_doorway_user_made[];
extern const uint8_t rf_doorway_user_unanswered[];
extern const uint8_t rf_doorway_user_out[];
extern const uint8_t rf_doorway_user_return[];
extern const uint8_t rf_doorway_user_answered[];
extern const uint8_t rf_doorway_user_own_stack[];
extern const uint8_t rf_doorway_jump[];
extern const uint8_t rf_doorway_jump_own_stack[];
extern const uint8_t rf_doorway_jump_flags[];
extern const uint8_t rf_doorway_jump_end[];
extern const uint8_t rf_doorway_kernel[];
extern const uint8_t rf_doorway_kernel_stored[];
extern const uint8_t rf_doorway_kernel_made[];
extern const uint8_t rf_doorway_kernel_unanswered[];
extern const uint8_t rf_doorway_kernel_out[];
extern const uint8_t rf_doorway_kernel_return[];
extern const uint8_t rf_doorway_kernel_answered[];
extern const uint8_t rf_doorway_kernel_end[];
extern const uint8_t rf_stub_image_end[];

/* Guest-virtual address of a symbol of the image. */
static inline uint64_t rf_stub_address(const uint8_t *symbol) {
  return RF_VA_SYSTEM + (uint64_t)(symbol - rf_stub_image);
}

static inline uint64_t rf_vcpu_page_address(unsigned vcpu, unsigned page) {
  return RF_VA_SYSTEM + (RF_PAGE_VCPU + vcpu * RF_VCPU_PAGES + page) * (uint64_t)RF_PAGE_SIZE;
}

/* What the processor pushes for an exception in 64-bit mode (SDM volume 3, section 6.14.2), at the stack's
 * end. */
struct rf_exception_frame {
  uint64_t rip, cs, rflags, rsp, ss;
};

/* Whether the processor pushes an error code below the frame (SDM volume 3, table 6-1). */
bool rf_vector_has_error_code(unsigned vector);

void rf_write_idt(uint8_t *page);
/* GDT and TSS of a vCPU. The TSS's I/O map lets ring 3 reach RF_PORT_SYSCALL if `open_port`, and no other
 * port. */
void rf_write_descriptors(uint8_t *page, uint64_t stack_end, bool open_port);

/* The TSS proper, a map of 256 ports, and the byte of ones that must end it (SDM volume 1, section 19.5.2).
 */
#define RF_TSS_IO_MAP 104
#define RF_TSS_LIMIT (RF_TSS_IO_MAP + 32)
#define RF_GDT_LIMIT (RF_SEL_TSS + 16 - 1)

#endif
