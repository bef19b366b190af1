// SPDX-License-Identifier: GPL-2.0-only
/* The first serial port, polled. */
#include "flat.h"
#include "uart.h"

void console_init(void)
{
	outb(UART_IER, 0);
	outb(UART_LCR, UART_LCR_DLAB);
	outb(UART_DLL, 1);
	outb(UART_DLM, 0);
	outb(UART_LCR, UART_LCR_8N1);
	outb(UART_FCR, UART_FCR_ENABLE | UART_FCR_CLEAR);
	outb(UART_MCR, UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT2);
}

static void print_char(char c)
{
	while (!(inb(UART_LSR) & UART_LSR_THRE))
		;
	outb(UART_THR, c);
}

void print(const char *s)
{
	for (; *s; s++)
		print_char(*s);
}

void print_hex(u64 value, int digits)
{
	while (digits--)
		print_char("0123456789abcdef"[value >> 4 * digits & 15]);
}
