/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Addresses of functions and data that are not exported.
 */
#ifndef _KVM_FT_SYMBOL_H
#define _KVM_FT_SYMBOL_H

int ft_symbol_init(void);
int ft_symbol_resolve(const char *module, const char *name, void **addr);
int ft_symbol_resolve_clone(const char *module, const char *name, void **addr);

#endif /* _KVM_FT_SYMBOL_H */
