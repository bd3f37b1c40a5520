/* Programs for bench/engine.py, one chosen by KERNEL, of N rounds; each returns a checksum. */
typedef unsigned long word;
typedef unsigned int u32;

#define SIZE 4096
static u32 table[SIZE];
static u32 other[SIZE];
static unsigned char flags[1 << 15];

static __attribute__((noinline)) word fib(word n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

static word sieve(void) {
    word count = 0;
    for (word i = 2; i < sizeof flags; i++)
        flags[i] = 1;
    for (word i = 2; i < sizeof flags; i++)
        if (flags[i]) {
            count += i;
            for (word k = i + i; k < sizeof flags; k += i)
                flags[k] = 0;
        }
    return count;
}

static word matmul(word round) {
    word sum = 0;
    for (word i = 0; i < SIZE; i++)
        table[i] = (u32)(i * 7 + round);
    for (word i = 0; i < 64; i++)
        for (word j = 0; j < 64; j++) {
            u32 cell = 0;
            for (word k = 0; k < 64; k++)
                cell += table[i * 64 + k] * table[k * 64 + j];
            sum += cell;
        }
    return sum;
}

static word copy(word round) {
    for (word i = 0; i < SIZE; i++)
        table[i] = (u32)(i ^ round);
    for (word times = 0; times < 16; times++) {
        volatile u32 *to = other;
        for (word i = 0; i < SIZE; i++)
            to[i] = table[i];
    }
    return other[(round * 7 + 5) % SIZE];
}

/* A list that is walked and reversed, a state machine and a CRC. */
static word mix(word round) {
    word crc = 0xffff, state = 0, at = round % SIZE;
    for (word i = 0; i < SIZE; i++)
        table[i] = (u32)((i * 1103 + 17) % SIZE);
    for (word i = 0; i < SIZE; i++) {
        u32 next = table[at];
        table[at] = (u32)i;
        at = next % SIZE;
        switch (state) {
        case 0: state = next & 1 ? 2 : 1; break;
        case 1: state = next & 2 ? 3 : 0; break;
        case 2: state = next & 4 ? 0 : 3; break;
        default: state = next & 3; break;
        }
        crc ^= next & 0xff;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0xa001 : crc >> 1;
    }
    return crc + state + at;
}

word kernel(void) {
    word sum = 0;
    for (word round = 0; round < N; round++) {
#if KERNEL == 0
        sum += fib(18);
#elif KERNEL == 1
        sum += sieve();
#elif KERNEL == 2
        sum += matmul(round);
#elif KERNEL == 3
        sum += copy(round);
#else
        sum += mix(round);
#endif
    }
    return sum;
}
