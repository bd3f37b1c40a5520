; Five ticks of the timer interrupt a user program, each printed; then a service call ends it. The handler finds no cause in the
; instruction at the old P where the timer, which was set to a negative number, has come to 0: it sets it again and goes on there.
        .org 1
        .word 0x08000400         ; M = 0, P = 0x40, l = 0, b = 1024
        .org 2
        li a10, -40
        stm a10
        lpsw user

        .org 0x10
user:   .word 0x80080040         ; M = 1, P = 0, l = 256, b = 64

        .org 0x40
trapped: rtm a10
        jn a10, service
        li a10, -40
        stm a10
        li a11, 1
        add a12, a11
        li a10, 48
        add a10, a12
        sio a10, 0
        lpsw 0                   ; where it was
service: li a10, 10
        sio a10, 0
        halt

        .org 0x100               ; the user program, at its own address 0
        li a1, 1
        add a2, a1
        store a2, 0x30
        li a3, 5
        sub a3, a12
        jz a3, 7
        jump 1
        svc 0
