#include "guest.h"

/* A virtio block driver with one request at a time: sector 1 is read, changed and written to sector 2, flushed, read back. */
struct descriptor { u64 address; u32 length; u16 flags, next; };
struct available { u16 flags, index, ring[8]; };
struct used { u16 flags, index; struct { u32 id, length; } ring[8]; };
struct request { u32 kind, reserved; u64 sector; };

static struct descriptor descriptors[8] __attribute__((aligned(16)));
static volatile struct available available __attribute__((aligned(2)));
static volatile struct used used __attribute__((aligned(4)));
static struct request request;
static u8 data[512];
static volatile u8 status;
static volatile int interrupts;
enum { NEXT = 1, WRITE = 2, IN = 0, OUT = 1, FLUSH = 4 };

u64 trap(u64 cause, u64 address, u64 value, u64 *frame) {
  if (cause != (1ul << 63 | 9)) finish(2);
  if (REG32(PLIC + 0x201004) != 1) finish(3);
  REG32(DISK + 0x64) = REG32(DISK + 0x60);
  REG32(PLIC + 0x201004) = 1;
  interrupts++;
  return address;
}

static void address(u32 place, const volatile void *p) {
  REG32(DISK + place) = (u64)p;
  REG32(DISK + place + 4) = (u64)p >> 32;
}

static int transfer(u32 kind, u64 sector) {
  request = (struct request){kind, 0, sector};
  descriptors[0] = (struct descriptor){(u64)&request, sizeof request, NEXT, kind == FLUSH ? 2 : 1};
  descriptors[1] = (struct descriptor){(u64)data, sizeof data, NEXT | (kind == IN ? WRITE : 0), 2};
  descriptors[2] = (struct descriptor){(u64)&status, 1, WRITE, 0};
  status = 0xff;
  available.ring[available.index % 8] = 0;
  __asm__ volatile("fence" ::: "memory");
  int before = interrupts;
  u16 index = ++available.index;
  REG32(DISK + 0x50) = 0;
  while (interrupts == before) __asm__ volatile("wfi");
  if (used.index != index) finish(4);
  return status;
}

int main(void) {
  if (REG32(DISK) != 0x74726976 || REG32(DISK + 4) != 2 || REG32(DISK + 8) != 2) finish(5);
  REG32(DISK + 0x70) = 0;
  REG32(DISK + 0x70) = 1 | 2;
  REG32(DISK + 0x24) = 1;
  REG32(DISK + 0x20) = 1;
  REG32(DISK + 0x24) = 0;
  REG32(DISK + 0x20) = 0;
  REG32(DISK + 0x70) = 1 | 2 | 8;
  if (!(REG32(DISK + 0x70) & 8)) finish(6);
  REG32(DISK + 0x30) = 0;
  if (REG32(DISK + 0x34) < 8) finish(7);
  REG32(DISK + 0x38) = 8;
  address(0x80, descriptors);
  address(0x90, &available);
  address(0xa0, &used);
  REG32(DISK + 0x44) = 1;
  REG32(DISK + 0x70) = 1 | 2 | 8 | 4;
  REG32(PLIC + 4) = 1;
  REG32(PLIC + 0x2080) = 1 << 1;
  set_csr(sie, 1 << 9);
  set_csr(sstatus, 1 << 1);
  print("sectors "); number(REG64(DISK + 0x100)); put('\n');
  if (transfer(IN, 1)) finish(8);
  for (int k = 0; k < 16; k++) put(data[k]);
  put('\n');
  for (int k = 0; k < 512; k++) data[k] ^= 0x20;
  if (transfer(OUT, 2)) { print("read only\n"); finish(9); }
  if (transfer(FLUSH, 0)) finish(10);
  for (int k = 0; k < 512; k++) data[k] = 0;
  if (transfer(IN, 2)) finish(11);
  for (int k = 0; k < 16; k++) put(data[k]);
  put('\n');
  print("beyond the end: "); number(transfer(IN, REG64(DISK + 0x100))); put('\n');
  return 0;
}
