#include "guest.h"

struct sbi sbi(u64 extension, u64 function, u64 a, u64 b) {
  register u64 a0 __asm__("a0") = a;
  register u64 a1 __asm__("a1") = b;
  register u64 a6 __asm__("a6") = function;
  register u64 a7 __asm__("a7") = extension;
  __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a6), "r"(a7) : "memory");
  return (struct sbi){(long)a0, (long)a1};
}

void put(char c) {
  while (!(REG8(CONSOLE + 5) & 0x20)) {}
  REG8(CONSOLE) = c;
}

void print(const char *s) {
  while (*s) put(*s++);
}

void number(long n) {
  char digits[20];
  int k = 0;
  u64 m = n < 0 ? -(u64)n : (u64)n;
  if (n < 0) put('-');
  do digits[k++] = '0' + m % 10; while (m /= 10);
  while (k) put(digits[--k]);
}

void hex(u64 n) {
  for (int k = 60; k >= 0; k -= 4) put("0123456789abcdef"[n >> k & 15]);
}

void finish(int code) {
  REG32(POWER) = code ? (u32)code << 16 | 0x3333 : 0x5555;
  for (;;) {}
}

__attribute__((weak)) u64 trap(u64 cause, u64 address, u64 value, u64 *frame) {
  print("trap "); hex(cause); put(' '); hex(address); put(' '); hex(value); put('\n');
  finish(99);
}
