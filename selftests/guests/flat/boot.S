/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From PVH's entry (32-bit, flat segments, no paging, EBX: hvm_start_info) to
 * long mode with the first 4 GiB mapped one to one, and main().
 */
#define CR0_PE		(1 << 0)
#define CR0_MP		(1 << 1)
#define CR0_WP		(1 << 16)
#define CR0_PG		(1 << 31)
#define CR4_PAE		(1 << 5)
#define CR4_OSFXSR	(1 << 9)
#define CR4_OSXMMEXCPT	(1 << 10)
#define MSR_EFER	0xc0000080
#define EFER_LME	(1 << 8)

#define PTE_P		0x01
#define PTE_W		0x02
#define PTE_PCD		0x10
#define PTE_PS		0x80

	.section .note.pvh, "a", @note
	.align 4
	.long 4
	.long 4
	.long 18			/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long start

	.text
	.code32
	.globl start
start:
	cld
	mov	%ebx, start_info

	/* Page tables: 4 x 512 large pages, the last GiB uncached for devices. */
	mov	$page_dirs, %edi
	mov	$(PTE_P | PTE_W | PTE_PS), %eax
	mov	$2048, %ecx
1:	mov	%eax, (%edi)
	cmp	$512, %ecx
	ja	2f
	orb	$PTE_PCD, (%edi)
2:	add	$0x200000, %eax
	add	$8, %edi
	dec	%ecx
	jnz	1b

	mov	$page_dirs + PTE_P + PTE_W, %eax
	mov	$page_dir_pointers, %edi
	mov	$4, %ecx
3:	mov	%eax, (%edi)
	add	$4096, %eax
	add	$8, %edi
	dec	%ecx
	jnz	3b
	movl	$page_dir_pointers + PTE_P + PTE_W, page_map

	mov	$(CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT), %eax
	mov	%eax, %cr4
	mov	$page_map, %eax
	mov	%eax, %cr3
	mov	$MSR_EFER, %ecx
	rdmsr
	or	$EFER_LME, %eax
	wrmsr
	mov	$(CR0_PE | CR0_MP | CR0_WP | CR0_PG), %eax
	mov	%eax, %cr0
	lgdt	gdt_pointer
	ljmp	$8, $4f

	.code64
4:	mov	$16, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	xor	%eax, %eax
	mov	%eax, %fs
	mov	%eax, %gs
	mov	$stack_end, %rsp
	fninit
	mov	start_info, %edi
	call	main
5:	cli
	hlt
	jmp	5b

	.data
	.align 8
gdt:
	.quad 0
	.quad 0x00af9b000000ffff	/* 64-bit code */
	.quad 0x00cf93000000ffff	/* data */
gdt_pointer:
	.word . - gdt - 1
	.long gdt
start_info:
	.long 0

	.bss
	.align 4096
	.globl page_dirs
page_map:
	.skip 4096
page_dir_pointers:
	.skip 4096
page_dirs:
	.skip 4 * 4096
	.skip 16384
stack_end:

	.section .note.GNU-stack, "", @progbits
