/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FLAT_UART_H
#define FLAT_UART_H

#define UART_BASE		0x3f8
#define UART_RHR		(UART_BASE + 0)
#define UART_THR		(UART_BASE + 0)
#define UART_DLL		(UART_BASE + 0)
#define UART_IER		(UART_BASE + 1)
#define UART_DLM		(UART_BASE + 1)
#define UART_IIR		(UART_BASE + 2)
#define UART_FCR		(UART_BASE + 2)
#define UART_LCR		(UART_BASE + 3)
#define UART_MCR		(UART_BASE + 4)
#define UART_LSR		(UART_BASE + 5)

#define UART_IER_RX		0x01
#define UART_FCR_ENABLE		0x01
#define UART_FCR_CLEAR		0x06
#define UART_LCR_8N1		0x03
#define UART_LCR_DLAB		0x80
#define UART_MCR_DTR		0x01
#define UART_MCR_RTS		0x02
#define UART_MCR_OUT2		0x08
#define UART_LSR_RX		0x01
#define UART_LSR_THRE		0x20

#endif /* FLAT_UART_H */
