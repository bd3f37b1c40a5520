; Prints on the console, counts five timer interrupts in HLT, then runs a program in ring 3 that calls and breaks the rules.
        .org 0x1000
start:  mov esp, 0x8000
        lgdt [gdtr]
        lidt [idtr]
        mov eax, 40
        ltr ax
        mov ebx, hello
        call print
        mov edi, 0
        call arm
        sti
again:  hlt
        cmp edi, 5
        jne again
        cli
        mov ebx, ticked
        call print
        push 35                  ; to ring 3: SS, ESP, EFLAGS with IOPL 0, CS, EIP
        mov eax, 0x9000
        push eax
        push 2
        push 27
        mov eax, user
        push eax
        iret

; Ring 3: a call, an instruction that is refused there, a call, and the call that ends it.
user:   mov eax, 83
        int 0x30
        hlt
        mov eax, 83
        int 0x30
        mov eax, 0
        int 0x30

tick:   inc edi
        cmp edi, 5
        je last
        call arm
        iret
last:   mov eax, -1
        mov edx, 0x4c
        out dx, eax
        iret

; The timer's next interrupt comes 100 steps from now.
arm:    mov eax, -1
        mov edx, 0x4c
        out dx, eax
        mov edx, 0x40
        in eax, dx
        add eax, 100
        mov edx, 0x48
        out dx, eax
        mov eax, 0
        mov edx, 0x4c
        out dx, eax
        ret

service: cmp eax, 0
        je over
        call put
        iret
; #GP: the instruction of one byte is skipped; above EIP on the stack lies the error code.
refused: mov eax, 80
        call put
        pop eax
        inc dword ptr [esp+eiz*1]
        iret
over:   mov eax, 10
        call put
        mov eax, 0
        mov edx, 0xf4
        out dx, al

print:  mov al, byte ptr [ebx]
        cmp al, 0
        je printed
        call put
        inc ebx
        jmp print
printed: ret
put:    mov ecx, eax
        mov edx, 0x3fd
wait:   in al, dx
        and al, 0x20
        je wait
        mov eax, ecx
        mov edx, 0x3f8
        out dx, al
        ret
hello:  .byte 72, 101, 108, 108, 111, 10, 0
ticked: .byte 53, 32, 116, 105, 99, 107, 115, 10, 0

gdtr:   .half 47
        .long gdt
idtr:   .half 391                ; gates 0 to 48
        .long 0x4000
        .org 0x2000
gdt:    .quad 0
        .quad 0x00cf9a000000ffff ; ring 0 code
        .quad 0x00cf92000000ffff ; ring 0 data
        .quad 0x00cffa000000ffff ; ring 3 code
        .quad 0x00cff2000000ffff ; ring 3 data
        .quad 0x0000890030000067 ; the task state segment
        .org 0x3004
        .long 0x8000, 16         ; the stack of ring 0
        .org 0x4068              ; vector 13
        .long refused+0x80000, 0x8e00
        .org 0x4100              ; vector 32
        .long tick+0x80000, 0x8e00
        .org 0x4180              ; vector 48, open to ring 3
        .long service+0x80000, 0xee00
