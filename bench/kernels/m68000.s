; Programs for bench/engine.py, in the specification's own assembly; d0 is the checksum at `done`, d7 the rounds. One is chosen by its label.
fib:    moveq #18,d0
        bsr.w fibs
        add.l d0,d6
        subq.l #1,d7
        bne.s fib
        bra.w done
fibs:   cmpi.l #2,d0
        bcs.s small
        movem.l #0x3000,-(a7)
        move.l d0,d2
        subq.l #1,d0
        bsr.s fibs
        move.l d0,d3
        move.l d2,d0
        subq.l #2,d0
        bsr.s fibs
        add.l d3,d0
        movem.l (a7)+,#0xc
small:  rts

sieve:  movea.l #0x10000,a0
        move.w #32767,d1
fill:   move.b #1,(a0)+
        dbf d1,fill
        moveq #2,d2
        movea.l #0x10000,a0
next:   tst.b (0,a0,d2.l)
        beq.s over
        add.l d2,d6
        move.l d2,d3
        add.l d2,d3
        cmpi.l #32768,d3
        bcc.s over
clear:  clr.b (0,a0,d3.l)
        add.l d2,d3
        cmpi.l #32768,d3
        bcs.s clear
over:   addq.l #1,d2
        cmpi.l #32768,d2
        bcs.s next
        subq.l #1,d7
        bne.s sieve
        bra.w done

memcpy: movea.l #0x10000,a0
        movea.l #0x20000,a1
        move.w #16383,d1
        move.l d7,d2
first:  move.l d2,(a0)+
        add.l #7,d2
        dbf d1,first
        movea.l #0x10000,a0
        move.w #16383,d1
copy:   move.l (a0)+,(a1)+
        dbf d1,copy
        add.l -(a1),d6
        subq.l #1,d7
        bne.s memcpy
        bra.w done

mix:    move.l #0xffff,d2
        move.w #4095,d1
byte:   move.l d1,d4
        andi.l #255,d4
        eor.l d4,d2
        moveq #7,d3
bit:    lsr.l #1,d2
        bcc.s none
        eori.l #0xa001,d2
none:   dbf d3,bit
        dbf d1,byte
        add.l d2,d6
        subq.l #1,d7
        bne.s mix
done:   move.l d6,d0
        illegal
