#include "guest.h"

/* The primes below 200 by the sieve of Eratosthenes, and their sum. */
static u8 composite[200];

int main(void) {
  long sum = 0;
  for (int n = 2; n < 200; n++) {
    if (composite[n]) continue;
    number(n);
    put(' ');
    sum += n;
    for (int m = n * n; m < 200; m += n) composite[m] = 1;
  }
  print("\nsum ");
  number(sum);
  put('\n');
  return 0;
}
