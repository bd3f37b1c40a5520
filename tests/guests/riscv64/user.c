#include "guest.h"

/* A user program behind Sv39 page tables: it prints by system calls, touches a page that is made for it on the fault, and may
   not touch the kernel's. */
extern u8 stack_top[];
static u64 root[512] __attribute__((aligned(4096)));
static u64 middle[512] __attribute__((aligned(4096)));
static u64 leaves[512] __attribute__((aligned(4096)));
static u8 code[4096] __attribute__((aligned(4096)));
static u8 stack[4096] __attribute__((aligned(4096)));
static u8 lazy[4096] __attribute__((aligned(4096)));
enum { V = 1, R = 2, W = 4, X = 8, U = 16, A = 64, D = 128 };
enum { CODE = 0x400000, STACK = 0x401000, LAZY = 0x402000 };

static u64 entry(const void *p, u64 flags) { return (u64)p >> 12 << 10 | flags | V; }

__asm__(
    ".align 2\n"
    "user_start:\n"
    "  li a7, 1\n  li a0, 'u'\n  ecall\n"
    "  li t0, 0x402008\n  li t1, 42\n  sd t1, 0(t0)\n  ld a0, 0(t0)\n  li a7, 2\n  ecall\n"
    "  csrr t0, sstatus\n"
    "  li t0, 0x80000000\n  ld t1, 0(t0)\n"
    "  li a7, 3\n  mv a0, s0\n  ecall\n"
    "user_end:\n");
extern const u8 user_start[], user_end[];

u64 trap(u64 cause, u64 address, u64 value, u64 *frame) {
  if (read_csr(sstatus) & 0x100) { print("a trap of the kernel\n"); finish(2); }
  switch (cause) {
    case 8:
      switch (frame[17]) {
        case 1: put(frame[10]); put('\n'); break;
        case 2: number(frame[10]); put('\n'); break;
        default: print("exit\n"); finish(0);
      }
      return address + 4;
    case 15:
      if (value != LAZY + 8) finish(3);
      print("store fault at "); hex(value); put('\n');
      leaves[2] = entry(lazy, R | W | U | A | D);
      __asm__ volatile("sfence.vma" ::: "memory");
      return address;
    case 13:
      print("load fault at "); hex(value); put('\n');
      return address + 4;
    case 2:
      print("illegal instruction\n");
      return address + 4;
  }
  print("cause "); hex(cause); put('\n');
  finish(4);
}

int main(void) {
  for (int k = 0; k < user_end - user_start; k++) code[k] = user_start[k];
  /* The kernel and its devices at their own addresses by gigabyte pages, the user program at 4 MiB. */
  root[0] = entry(middle, 0);
  middle[0x10000000 >> 21] = entry((void *)0x10000000, R | W | A | D);
  middle[0] = entry((void *)0, R | W | A | D);
  middle[2] = entry(leaves, 0);
  root[2] = entry((void *)0x80000000, R | W | X | A | D);
  leaves[0] = entry(code, R | X | U | A);
  leaves[1] = entry(stack, R | W | U | A | D);
  write_csr(satp, 8ul << 60 | (u64)root >> 12);
  __asm__ volatile("sfence.vma" ::: "memory");
  print("paging\n");
  write_csr(sepc, CODE);
  clear_csr(sstatus, 0x100);
  write_csr(sscratch, stack_top);
  __asm__ volatile("mv sp, %0\n  sret" ::"r"((u64)STACK + 4096));
  __builtin_unreachable();
}
