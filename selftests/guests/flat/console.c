// SPDX-License-Identifier: GPL-2.0-only
/* The first serial port, polled. */
#include "flat.h"
#include "uart.h"

void console_init(void)
{
	out8(UART_IER, 0);
	out8(UART_LCR, UART_LCR_DLAB);
	out8(UART_DLL, 1);
	out8(UART_DLM, 0);
	out8(UART_LCR, UART_LCR_8N1);
	out8(UART_FCR, UART_FCR_ENABLE | UART_FCR_CLEAR);
	out8(UART_MCR, UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT2);
}

static void print_char(char c)
{
	while (!(in8(UART_LSR) & UART_LSR_THRE))
		;
	out8(UART_THR, c);
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
