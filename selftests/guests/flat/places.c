// SPDX-License-Identifier: GPL-2.0-only
/* Exercises by where an interrupt finds the processor. The source is a timer. */
#include "flat.h"
#include "report.h"

#define VECTOR		0x50
#define SOFT_VECTOR	0x80
#define ABSENT_VECTOR	0x81
#define TPR		0x80
#define LINE_EACH	64	/* interrupts, where only handlers can count */

/* Above the program; both mapped by large pages until run_fault() splits one. */
#define BUFFER_FROM	0x1000000
#define BUFFER_TO	0x1200000
#define BUFFER_SIZE	0x100000
#define FAULT_AREA	0x1400000
#define FAULT_TABLE	0x0e00000
#define LARGE_PAGE	0x200000
#define PAGE		4096
#define PTE_PRESENT	1
#define PTE_WRITE	2
#define RFLAGS_TF	0x100

static u64 *const fault_table = (u64 *)FAULT_TABLE;

static void eoi_and_report(struct frame *f)
{
	(void)f;
	lapic_eoi();
	if (interrupts_seen() % LINE_EACH == 0)
		report();
}

/*
 * Neither of these two loops has a conditional branch, so a branch counter says
 * nothing of how often they went round.
 */
static void run_hlt(void)
{
	on_interrupt(VECTOR, eoi_and_report);
	lapic_timer_start(LVT_PERIODIC, VECTOR, period_us());
	asm volatile("1:	sti\n"
		     "	hlt\n"
		     "	jmp 1b");
}

static void run_jump(void)
{
	on_interrupt(VECTOR, eoi_and_report);
	lapic_timer_start(LVT_PERIODIC, VECTOR, period_us());
	asm volatile("	sti\n"
		     "	xor %eax, %eax\n"
		     "1:	inc %rax\n"
		     "	lea (%rax, %rbx, 4), %rbx\n"
		     "	jmp 1b");
}

/* Nor has this, and all registers come to the same values again and again. */
static void run_circle(void)
{
	on_interrupt(VECTOR, eoi_and_report);
	lapic_timer_start(LVT_PERIODIC, VECTOR, period_us());
	asm volatile("	sti\n"
		     "1:	inc %al\n"
		     "	nop\n"
		     "	jmp 1b");
}

static void mix_buffer(void)
{
	const u64 *p = (const u64 *)BUFFER_TO;
	int i;

	for (i = 0; i < 64; i++)
		mix(p[next_random() % (BUFFER_SIZE / sizeof(u64))]);
}

/* Inside of one instruction that runs for long. */
static void run_rep(void)
{
	u64 to, from, count;

	random_timer_start();
	sti();
	for (;;) {
		count = next_random() % BUFFER_SIZE + 1;
		to = BUFFER_FROM;
		asm volatile("rep stosb" : "+D"(to), "+c"(count)
			     : "a"(next_random()) : "memory");

		count = next_random() % BUFFER_SIZE + 1;
		to = BUFFER_TO;
		from = BUFFER_FROM;
		asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) :: "memory");

		count = BUFFER_SIZE / sizeof(u64);
		to = BUFFER_TO + BUFFER_SIZE - sizeof(u64);
		from = BUFFER_FROM + BUFFER_SIZE - sizeof(u64);
		asm volatile("std; rep movsq; cld"
			     : "+D"(to), "+S"(from), "+c"(count) :: "memory");

		count = BUFFER_SIZE;
		to = BUFFER_TO;
		asm volatile("repne scasb" : "+D"(to), "+c"(count)
			     : "a"(next_random()) : "memory", "cc");
		mix(count);
		mix_buffer();
		report_every(2);
	}
}

static void map_again(struct frame *f)
{
	u64 page = (read_cr2() - FAULT_AREA) / PAGE;
	int i;

	(void)f;
	/* Take so long that the timer is often due when IRET lets it through. */
	for (i = 0; i < 500; i++)
		asm volatile("");
	fault_table[page] |= PTE_PRESENT;
	flush_page(FAULT_AREA + page * PAGE);
}

#define RDTSC_RET	0xc3310f

/*
 * A fault returns with RFLAGS.RF set, so that the instruction can be tried again
 * past a breakpoint: an interrupt that waited finds it so. What is tried again is an
 * access, or an instruction that KVM completes.
 */
static void run_fault(void)
{
	u64 page, word, value;
	int i;

	for (i = 0; i < 512; i++)
		fault_table[i] = (FAULT_AREA + i * PAGE) | PTE_WRITE | PTE_PRESENT;
	page_dirs[FAULT_AREA / LARGE_PAGE] = (u64)fault_table | PTE_WRITE | PTE_PRESENT;
	flush_page(FAULT_AREA);

	on_interrupt(14, map_again);
	random_timer_start();
	sti();
	for (;;) {
		for (i = 0; i < 64; i++) {
			page = next_random() % 512;
			fault_table[page] &= ~(u64)PTE_PRESENT;
			flush_page(FAULT_AREA + page * PAGE);
			word = FAULT_AREA + page * PAGE + next_random() % 512 * 8;
			value = mmio_read64(word) + page;
			mmio_write64(word, value);
			mix(value);
			if (i % 4)
				continue;
			word = FAULT_AREA + page * PAGE;
			mmio_write64(word, RDTSC_RET);
			fault_table[page] &= ~(u64)PTE_PRESENT;
			flush_page(word);
			mix(((u64 (*)(void))word)());
		}
		report_every(64);
	}
}

/* Where interrupts have to wait for an instruction, or for a window. */
static void run_shadow(void)
{
	u64 x = 1;

	random_timer_start();
	sti();
	for (;;) {
		asm volatile("cli\n"
			     "	imul $3, %0, %0\n"
			     "	sti\n"
			     "	inc %0\n"
			     "	mov %%ss, %%ecx\n"
			     "	mov %%ecx, %%ss\n"
			     "	rol $7, %0\n"
			     "	pushfq\n"
			     "	cli\n"
			     "	xor $0x55, %0\n"
			     "	popfq\n"
			     "	dec %0"
			     : "+r"(x) :: "rcx", "cc", "memory");
		mix(x);
		report_every(200000);
	}
}

/* Half of all places are in a shadow: where it is paused to be copied, too. */
static void run_stack(void)
{
	random_timer_start();
	sti();
	for (;;) {
		asm volatile("mov %%ss, %%ecx\n"
			     ".rept 64\n"
			     "	mov %%ecx, %%ss\n"
			     "	nop\n"
			     ".endr" ::: "rcx");
		report_every(2000);
	}
}

static void run_window(void)
{
	random_timer_start();
	for (;;) {
		sti();
		work();
		cli();
		work();
		report_every(WORK_ROUNDS / 2);
	}
}

/* Held off by priority, through CR8 and through the LAPIC's own register. */
static void run_priority(void)
{
	u64 high = 15, low = 0;

	random_timer_start();
	sti();
	for (;;) {
		asm volatile("mov %0, %%cr8" :: "r"(high) : "memory");
		work();
		asm volatile("mov %0, %%cr8" :: "r"(low) : "memory");
		work();
		lapic_write(TPR, 0xf0);
		work();
		lapic_write(TPR, 0);
		report_every(WORK_ROUNDS / 3);
	}
}

static void skip_ud2(struct frame *f)
{
	f->rip += 2;
}

static void skip_division(struct frame *f)
{
	f->rip += 2;
}

static void nothing(struct frame *f)
{
	(void)f;
}

/* Between exceptions of the guest's own making. */
static void run_exceptions(void)
{
	int i;

	on_interrupt(0, skip_division);
	on_interrupt(3, nothing);
	on_interrupt(6, skip_ud2);
	on_interrupt(SOFT_VECTOR, nothing);
	random_timer_start();
	sti();
	for (;;) {
		for (i = 0; i < 64; i++) {
			asm volatile("int3");
			asm volatile("int %0" :: "i"(SOFT_VECTOR));
			asm volatile("ud2");
			asm volatile("div %%cl" :: "a"(1), "c"(0) : "cc");
			mix(i);
		}
		report_every(20);
	}
}

/*
 * Of what a trap pushes each bit of the flags counts; of a fault on the way to its
 * handler also where it was.
 */
extern const u8 trap_entry[], fault_entry[];
asm("trap_entry:\n"
	"	add 16(%rsp), %rbx\n"
	"	rol $9, %rbx\n"
	"	iretq\n"
	"fault_entry:\n"
	"	add 8(%rsp), %rbx\n"
	"	rol $9, %rbx\n"
	"	add 24(%rsp), %rbx\n"
	"	rol $9, %rbx\n"
	"	addq $2, 8(%rsp)\n"
	"	add $8, %rsp\n"
	"	iretq");

/* A place in four is an instruction that is a trap, or its handler. */
static void run_traps(void)
{
	u64 x = 1, count, pause;

	on_interrupt_raw(3, trap_entry);
	on_interrupt_raw(SOFT_VECTOR, trap_entry);
	on_interrupt_raw(11, fault_entry);
	no_interrupt(ABSENT_VECTOR);
	random_timer_start();
	sti();
	for (;;) {
		asm volatile("	mov $1000, %1\n"
			     "1:	int3\n"
			     "	int %3\n"
			     "	rep; int3\n"
			     "	int %4\n"
			     "	mov $16, %2\n"
			     "2:	dec %2\n"
			     "	jnz 2b\n"
			     "	dec %1\n"
			     "	jnz 1b"
			     : "+b"(x), "=&c"(count), "=&r"(pause)
			     : "i"(SOFT_VECTOR), "i"(ABSENT_VECTOR) : "cc", "memory");
		mix(x);
		report_every(100);
	}
}

/* While the guest steps through its own code. */
static void run_step(void)
{
	u64 x = 1;
	int i;

	on_interrupt(1, nothing);
	random_timer_start();
	sti();
	for (;;) {
		for (i = 0; i < 16; i++) {
			asm volatile("pushfq\n"
				     "	orl %1, (%%rsp)\n"
				     "	popfq\n"
				     "	imul $5, %0, %0\n"
				     "	inc %0\n"
				     "	rol $9, %0\n"
				     "	pushfq\n"
				     "	andl %2, (%%rsp)\n"
				     "	popfq"
				     : "+r"(x) : "i"(RFLAGS_TF), "i"(~RFLAGS_TF)
				     : "cc", "memory");
			mix(x);
		}
		report_every(8);
	}
}

const struct exercise places[] = {
	{ "hlt", run_hlt },
	{ "jump", run_jump },
	{ "circle", run_circle },
	{ "rep", run_rep },
	{ "fault", run_fault },
	{ "shadow", run_shadow },
	{ "stack", run_stack },
	{ "window", run_window },
	{ "priority", run_priority },
	{ "exceptions", run_exceptions },
	{ "traps", run_traps },
	{ "step", run_step },
	{}
};
