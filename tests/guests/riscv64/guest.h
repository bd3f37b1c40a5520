/* What a guest program on the riscv64 platform stands on: SBI calls, registers, printing. */
#ifndef GUEST_H
#define GUEST_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;

#define REG8(a) (*(volatile u8 *)(a))
#define REG32(a) (*(volatile u32 *)(a))
#define REG64(a) (*(volatile u64 *)(a))
#define CONSOLE 0x10000000ul
#define PLIC 0xc000000ul
#define DISK 0x10001000ul
#define POWER 0x100000ul

#define read_csr(name) ({ u64 v_; __asm__ volatile("csrr %0, " #name : "=r"(v_)); v_; })
#define write_csr(name, v) __asm__ volatile("csrw " #name ", %0" ::"r"((u64)(v)) : "memory")
#define set_csr(name, v) __asm__ volatile("csrs " #name ", %0" ::"r"((u64)(v)) : "memory")
#define clear_csr(name, v) __asm__ volatile("csrc " #name ", %0" ::"r"((u64)(v)) : "memory")

struct sbi { long error; long value; };
struct sbi sbi(u64 extension, u64 function, u64 a, u64 b);
void put(char c);
void print(const char *s);
void number(long n);
void hex(u64 n);
void finish(int code) __attribute__((noreturn));
u64 trap(u64 cause, u64 address, u64 value, u64 *frame);
int main(void);
#endif
