; Prints on the teletype, counts five interrupts of the clock, then runs a user program that calls and breaks the rules.
; The teletype is device 120 octal (0x14 as assembled); of its conditions 10 octal is output done. Device 0 is the processor, 1
; the interrupt system. Accumulators are numbered in octal.
        .org 0o41
        jsr 0, called            ; monitor calls and refused instructions
        .org 0o46
        jsr 0, tick              ; interrupts of channel 3
        .org 0o1000
start:  movei 17, stack
        movei 1, hello
        pushj 17, print
        cono 0, 0x603            ; clock: enabled, flag clear, channel 3
        cono 1, 0x490            ; interrupts on, channel 3 on
wait:   move 2, ticks
        caige 2, 5
        jrst 0, wait
        cono 1, 0x100            ; interrupts off
        movei 1, ticked
        pushj 17, print
        datao 0, place
        jrst 2, @user

tick:   .word 0
        aos 0, ticks
        cono 0, 0x603
        jrst 12, @tick           ; dismiss the interrupt and restore the flags

; The instruction is in 40: one for a device was refused (P); a monitor call prints its address, and 0 ends the program.
called: .word 0
        move 3, 0o40
        movei 2, 80              ; P
        caige 3, 0
        jrst 0, tell             ; codes from 400 on are negative
        movei 4, 0x3ffff
        and 3, 4
        move 2, 3
        jumpe 2, over
tell:   pushj 17, put
        jrst 2, @called
over:   movei 2, 10
        pushj 17, put
        jrst 4, start            ; halt

print:  move 2, 0(1)
        jumpe 2, printed
        pushj 17, put
        aoja 1, print
printed: popj 17, 0
put:    datao 0x14, 2
        conso 0x14, 8
        jrst 0, .-1
        popj 17, 0

ticks:  .word 0
place:  .word 0x800              ; relocation 4000, protection 1777
user:   .word 0x40000010         ; user mode, PC 20
hello:  .word 72, 101, 108, 108, 111, 10, 0
ticked: .word 53, 32, 116, 105, 99, 107, 115, 10, 0
stack:  .word 0

        .org 0x810
        muuo 1, 0, 83            ; S
        datao 0x14, 1
        muuo 1, 0, 83
        muuo 1, 0, 0
