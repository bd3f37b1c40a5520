; Prints a text, then runs a user program. A trap stores the old state in E[0] and loads the one in E[1]; the supervisor finds
; the cause in the instruction at the old P: it prints S for a service call, P for a refused instruction, and goes on after it.
        .org 1
        .word 0x08000400         ; M = 0, P = 0x40, l = 0, b = 1024
        .org 2
        li a1, text
        jsub a15, print
        lpsw user                ; into user mode

        .org 0x10
user:   .word 0x80080040         ; M = 1, P = 0, l = 256, b = 64
back:   .word 0
text:   .word 72, 101, 108, 108, 111, 10, 0

; Prints the words from the address in a1 on, up to a zero; the return address is in a15.
        .org 0x20
print:  load a2, 0(a1)
        jz a2, 0(a15)
wait:   tio a3, 5
        li a4, 0x20
        and a3, a4
        jz a3, wait
        sio a2, 0
        li a4, 1
        add a1, a4
        jump print

        .org 0x40
trapped: load a5, 0              ; the old state
        move a6, a5
        shr a6, 21
        li a7, 0x3ff
        and a6, a7               ; P
        load a8, 0x100(a6)       ; the user's instruction, at l + P
        move a9, a8
        shr a9, 16
        li a7, 0x3000            ; svc
        sub a9, a7
        li a10, 80               ; P
        jz a9, service
        jump tell
service: li a7, 0xff
        and a8, a7
        jz a8, over              ; svc 0 ends the program
        li a10, 83               ; S
tell:   sio a10, 0
        li a7, 1
        shl a7, 21
        add a5, a7               ; P + 1
        store a5, back
        lpsw back
over:   li a10, 10
        sio a10, 0
        halt

        .org 0x100               ; the user program, at its own address 0
        svc 1
        halt
        svc 3
        sio a1, 0
        li a2, 7
        store a2, 20
        load a1, 0x40            ; beyond its bounds: also a trap
        svc 0
