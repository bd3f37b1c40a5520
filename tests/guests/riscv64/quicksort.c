#include "guest.h"

static int values[64];

static void sort(int *low, int *high) {
  if (low >= high) return;
  int pivot = low[(high - low) / 2], *i = low, *j = high;
  while (i <= j) {
    while (*i < pivot) i++;
    while (*j > pivot) j--;
    if (i <= j) { int t = *i; *i++ = *j; *j-- = t; }
  }
  sort(low, j);
  sort(i, high);
}

/* A linear congruential generator modulo 2**31, its high bits signed. */
int main(void) {
  u32 x = 12345;
  for (int k = 0; k < 64; k++) {
    x = (x * 1103515245u + 12345u) & 0x7fffffff;
    values[k] = (int)(x >> 16) % 2000 - 1000;
  }
  sort(values, values + 63);
  for (int k = 0; k < 64; k++) {
    number(values[k]);
    put(k % 8 == 7 ? '\n' : ' ');
  }
  return 0;
}
