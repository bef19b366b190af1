/* SPDX-License-Identifier: GPL-2.0-only */
/* One stub for each vector; what they push is struct frame in flat.h. */

#define STUB_SIZE	16

	.text
	.globl isr_stubs
	.align STUB_SIZE
isr_stubs:
	vector = 0
	.rept 256
	.align STUB_SIZE
	/* Only these push an error code of their own. */
	.if vector != 8 && (vector < 10 || vector > 14) && vector != 17 && \
	    vector != 21 && vector != 29 && vector != 30
	push	$0
	.endif
	push	$vector
	jmp	isr_common
	vector = vector + 1
	.endr

isr_common:
	push	%rax
	push	%rbx
	push	%rcx
	push	%rdx
	push	%rsi
	push	%rdi
	push	%rbp
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	cld
	mov	%rsp, %rdi
	/* The processor aligned the stack before it pushed 22 words. */
	call	interrupt
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rbp
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%rcx
	pop	%rbx
	pop	%rax
	add	$16, %rsp
	iretq

	.section .note.GNU-stack, "", @progbits
