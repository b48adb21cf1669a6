#include "stub.h"

#include <string.h>

#define VECTOR_BREAKPOINT 3
#define VECTOR_OVERFLOW 4

/* SDM volume 3, figure 6-8. */
struct idt_gate {
  uint16_t offset_low, selector;
  uint8_t ist, type;
  uint16_t offset_middle;
  uint32_t offset_high, reserved;
};
_Static_assert(sizeof(struct idt_gate) == 16, "idt_gate");

/* SDM volume 3, figure 8-11. */
struct tss {
  uint32_t reserved0;
  uint64_t rsp[3];
  uint64_t reserved1;
  uint64_t ist[7];
  uint64_t reserved2;
  uint16_t reserved3;
  uint16_t io_map_base;
} __attribute__((packed));
_Static_assert(sizeof(struct tss) == RF_TSS_IO_MAP, "tss");

bool rf_vector_has_error_code(unsigned vector) {
  const uint32_t with = 1u << 8 | 1u << 10 | 1u << 11 | 1u << 12 | 1u << 13 | 1u << 14 | 1u << 17 | 1u << 21;
  return vector < 32 && (with >> vector & 1);
}

void rf_write_idt(uint8_t *page) {
  for (unsigned vector = 0; vector < RF_VECTORS; vector++) {
    uint64_t stub = RF_VA_SYSTEM + RF_PAGE_STUBS * RF_PAGE_SIZE + vector * RF_STUB_SIZE;
    bool from_ring3 = vector == VECTOR_BREAKPOINT || vector == VECTOR_OVERFLOW;
    struct idt_gate gate = {
        .offset_low = (uint16_t)stub,
        .selector = RF_SEL_KERNEL_CS,
        .ist = 1,
        .type = from_ring3 ? 0xee : 0x8e, /* present, DPL 3 or 0, interrupt gate */
        .offset_middle = (uint16_t)(stub >> 16),
        .offset_high = (uint32_t)(stub >> 32),
    };
    memcpy(page + vector * sizeof(gate), &gate, sizeof(gate));
  }
}

void rf_write_descriptors(uint8_t *page, uint64_t stack_end, bool open_port) {
  uint64_t tss_address = stack_end - RF_VCPU_PAGES * RF_PAGE_SIZE + RF_TSS_OFFSET;
  uint64_t *gdt = (uint64_t *)(void *)page;
  /* Accessed already, so that the processor need not write to them. No 32-bit code segment: a program cannot
   * leave 64-bit mode. */
  gdt[RF_SEL_KERNEL_CS / 8] = 0x00af9b000000ffff;
  gdt[RF_SEL_KERNEL_SS / 8] = 0x00cf93000000ffff;
  gdt[RF_SEL_USER_SS / 8] = 0x00cff3000000ffff;
  gdt[RF_SEL_USER_CS / 8] = 0x00affb000000ffff;
  gdt[RF_SEL_TSS / 8] =
      RF_TSS_LIMIT | (tss_address & 0xffffff) << 16 | 0x8bull << 40 | (tss_address >> 24 & 0xff) << 56;
  gdt[RF_SEL_TSS / 8 + 1] = tss_address >> 32;
  struct tss tss = {.ist = {stack_end}, .io_map_base = RF_TSS_IO_MAP};
  memcpy(page + RF_TSS_OFFSET, &tss, sizeof(tss));
  uint8_t *io_map = page + RF_TSS_OFFSET + RF_TSS_IO_MAP;
  memset(io_map, 0xff, RF_TSS_LIMIT + 1 - RF_TSS_IO_MAP);
  if (open_port)
    io_map[RF_PORT_SYSCALL / 8] &= (uint8_t)~(1u << RF_PORT_SYSCALL % 8);
}
