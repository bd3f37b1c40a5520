; Prints on the console, counts five timer interrupts in STOP, then runs a user program that calls and breaks the rules.
        .org 0x20
        .half 0, refused         ; privilege violation
        .org 0x78
        .half 0, tick            ; level 6 interrupt autovector
        .org 0x80
        .half 0, service         ; trap 0
        .half 0, over            ; trap 1
        .org 0x400
start:  movea.l #0x8000,a7
        lea (hello).l,a0
        bsr.w print
        moveq #0,d5
        moveq #-1,d1
        move.l #100,d0
        bsr.w arm
again:  stop #0x2000             ; supervisor, mask 0
        cmpi.l #5,d5
        bne.s again
        lea (ticked).l,a0
        bsr.w print
        movea.l #0x9000,a1
        move a1,usp
        move #0x0700,sr          ; user mode
        trap #0
        move #0x2700,sr          ; refused
        trap #0
        trap #1

; The timer's interrupt: the next one comes 100 steps later, after the fifth none does.
tick:   addq.l #1,d5
        moveq #-1,d1
        move.l #100,d0
        cmpi.l #5,d5
        bne.s more
        moveq #-1,d0
more:   bsr.s arm
        rte
; Sets the timer to now + d0, or to never if d0 is -1. The compare register's low half has the lower address.
arm:    cmpi.l #-1,d0
        beq.s never
        add.l (0xff1004).l,d0
        moveq #0,d1
never:  move.l #-1,(0xff100c).l
        move.l d1,(0xff1008).l
        move.l d0,(0xff100c).l
        rts

service: move.b #83,d0           ; S
        bsr.s put
        rte
; A refused instruction of four bytes is skipped.
refused: addq.l #4,(2,a7)
        move.b #80,d0            ; P
        bsr.s put
        rte
over:   moveq #10,d0
        bsr.s put
        move.b #0,(0xff2000).l

print:  move.b (a0)+,d0
        beq.s printed
        bsr.s put
        bra.s print
printed: rts
put:    btst #5,(0xff0005).l
        beq.s put
        move.b d0,(0xff0000).l
        rts
hello:  .byte 72, 101, 108, 108, 111, 10, 0
ticked: .byte 53, 32, 116, 105, 99, 107, 115, 10, 0
