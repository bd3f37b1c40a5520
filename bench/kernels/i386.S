# Calls kernel(); its checksum is in eax at `done`, where every emulator stops.
    .globl _start, done
_start:
    movl $0x200000, %esp
    call kernel
done:
    ud2
