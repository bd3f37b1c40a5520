; Looks for itself in the mirror: each test says what a processor shows that a virtual one should have hidden. On a bare machine all
; say "as the manual says"; under trap and emulate (--vmm type1 --force) each prints the hole that it sees.
        .org 0x1000
start:  mov esp, 0x8000
        lgdt [gdtr]
        lidt [idtr]

; PUSH CS shows the privilege level: 0 here.
        mov ebx, ring
        call print
        push cs
        pop eax
        and eax, 3
        call verdict

; STR stores the selector that LTR has loaded.
        mov ebx, task
        call print
        mov eax, 40
        ltr ax
        str eax
        sub eax, 40
        and eax, 0xffff
        call verdict

; POPF sets IF at level 0.
        mov ebx, kept
        call print
        mov eax, 0x202
        push eax
        popf
        pushf
        cli
        pop eax
        and eax, 0x200
        xor eax, 0x200
        call verdict

; SGDT stores what LGDT has loaded.
        mov ebx, table
        call print
        sgdt [stored]
        mov ebx, stored+2
        mov eax, dword ptr [ebx]
        sub eax, gdt
        call verdict

        mov eax, 0
        mov edx, 0xf4
        out dx, al

verdict: mov ebx, good
        cmp eax, 0
        je print
        mov ebx, hole
print:  mov al, byte ptr [ebx]
        cmp al, 0
        je printed
        mov ecx, eax
        mov edx, 0x3fd
wait:   in al, dx
        and al, 0x20
        je wait
        mov eax, ecx
        mov edx, 0x3f8
        out dx, al
        inc ebx
        jmp print
printed: ret

ring:   .byte 80, 85, 83, 72, 32, 67, 83, 58, 32, 0  ; PUSH CS:
task:   .byte 83, 84, 82, 58, 32, 0  ; STR:
kept:   .byte 80, 79, 80, 70, 58, 32, 0  ; POPF:
table:  .byte 83, 71, 68, 84, 58, 32, 0  ; SGDT:
good:   .byte 97, 115, 32, 116, 104, 101, 32, 109, 97, 110, 117, 97, 108, 32, 115, 97, 121, 115, 10, 0  ; as the manual says\n
hole:   .byte 97, 32, 118, 105, 114, 116, 117, 97, 108, 105, 122, 97, 116, 105, 111, 110, 32, 104, 111, 108, 101, 10, 0  ; a virtualization hole\n
gdtr:   .half 47
        .long gdt
idtr:   .half 391
        .long 0x4000
stored: .half 0
        .long 0
        .org 0x2000
gdt:    .quad 0
        .quad 0x00cf9a000000ffff ; ring 0 code
        .quad 0x00cf92000000ffff ; ring 0 data
        .quad 0, 0
        .quad 0x0000890030000067 ; the task state segment
