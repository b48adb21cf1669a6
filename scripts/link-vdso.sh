#!/bin/sh
# Links the vDSO into the folder given, and writes beside it the source by which the addon takes it in.
set -eu
out=$1
cc -O2 -Wall -Wextra -Werror -std=gnu11 -D_GNU_SOURCE -fPIC -fno-builtin -fno-stack-protector \
  -fno-asynchronous-unwind-tables -fcf-protection=none -nostdlib -shared \
  -Wl,-T,ring0/vdso.lds -Wl,-soname=linux-vdso.so.1 -Wl,-Bsymbolic -Wl,--hash-style=both \
  -Wl,--build-id=none -Wl,-z,noexecstack -s -o "$out/vdso.so" ring0/vdso.c
cat >"$out/vdso_image.S" <<END
  .section .rodata.ringfence_vdso, "a"
  .balign 16
  .globl rf_vdso_image
rf_vdso_image:
  .incbin "$out/vdso.so"
  .globl rf_vdso_image_end
rf_vdso_image_end:

  .section .note.GNU-stack, "", @progbits
END
