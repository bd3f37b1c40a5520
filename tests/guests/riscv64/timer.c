#include "guest.h"

/* Ten timer interrupts, some taken in a loop and some out of WFI, each at its time or later. */
static volatile int ticks;
static u64 due;
enum { PERIOD = 500 };

u64 trap(u64 cause, u64 address, u64 value, u64 *frame) {
  if (cause != (1ul << 63 | 5)) {
    print("unexpected trap\n");
    finish(2);
  }
  if (read_csr(time) < due) finish(3);
  ticks++;
  due += PERIOD;
  sbi(0x54494d45, 0, due, 0);
  return address;
}

int main(void) {
  due = read_csr(time) + PERIOD;
  sbi(0x54494d45, 0, due, 0);
  set_csr(sie, 1 << 5);
  set_csr(sstatus, 1 << 1);
  while (ticks < 5) {}
  print("five\n");
  while (ticks < 10) __asm__ volatile("wfi");
  clear_csr(sstatus, 1 << 1);
  print("ten\n");
  /* With SIE clear, WFI goes on when the interrupt is pending, and no trap is taken. */
  __asm__ volatile("wfi");
  if (ticks != 10 || !(read_csr(sip) & 1 << 5) || read_csr(time) < due) finish(4);
  print("masked\n");
  sbi(0, 0, ~0ul, 0);
  if (read_csr(sip) & 1 << 5) finish(5);
  print("done\n");
  return 0;
}
