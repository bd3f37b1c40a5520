#include "guest.h"

int main(void) {
  print("Hello, world\n");
  for (const char *s = "by SBI\n"; *s; s++) sbi(1, 0, *s, 0);
  return 0;
}
