// SPDX-License-Identifier: GPL-2.0-only
/*
 * Can this guest be protected? Asked of QEMU before anything is begun; each
 * answer says what to change. The processor's flags are the module's to judge.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ftctl.h"
#include "guest.h"
#include "js.h"
#include "proc.h"
#include "qemuargs.h"
#include "qmp.h"

/* PCI classes; QEMU tells class and subclass in one number. */
#define PCI_IDE		0x0101
#define PCI_SATA	0x0106
#define PCI_HOST	0x0600
#define PCI_ISA		0x0601
#define PCI_PCI		0x0604
#define PCI_BRIDGE	0x0680
#define PCI_SERIAL	0x0700
#define PCI_SMBUS	0x0c05

/* What the chipsets of pc and q35 are made of, and serial ports. */
static const int allowed_pci[] = {
	PCI_IDE, PCI_SATA, PCI_HOST, PCI_ISA, PCI_PCI, PCI_BRIDGE, PCI_SERIAL,
	PCI_SMBUS,
};

static const char *const allowed_devices[] = {
	"isa-serial", "pci-serial", "isa-debugcon", "isa-debug-exit",
};

static int check_running(struct qmp *qmp)
{
	char status[32];

	if (qmp_status(qmp, status, sizeof(status)))
		return -1;
	if (strcmp(status, "running"))
		return fail("the guest is not running but '%s': resume it first", status);
	return 0;
}

static int check_accel(struct qmp *qmp)
{
	struct json_object *kvm;
	bool enabled;

	if (qmp_call(qmp, "query-kvm", NULL, &kvm))
		return -1;
	enabled = js_bool(kvm, "enabled");
	json_object_put(kvm);
	return enabled ? 0 : fail("the guest is emulated: start QEMU with -accel kvm");
}

static int check_cpus(struct qmp *qmp)
{
	struct json_object *cpus;
	int n;

	if (qmp_call(qmp, "query-cpus-fast", NULL, &cpus))
		return -1;
	n = json_object_array_length(cpus);
	json_object_put(cpus);
	return n == 1 ? 0 : fail("the guest has %d processors: start QEMU with -smp 1", n);
}

/* A switch of the machine that has to be off. */
static int check_machine_off(struct qmp *qmp, const char *property, const char *why)
{
	struct json_object *args = json_object_new_object();
	struct json_object *value;
	bool off;

	js_add_str(args, "path", "/machine");
	js_add_str(args, "property", property);
	/* A machine without the switch does not have what it switches. */
	if (qmp_call(qmp, "qom-get", args, &value))
		return 0;
	off = json_object_is_type(value, json_type_boolean) ?
	      !json_object_get_boolean(value) :
	      !strcmp(json_object_get_string(value), "off");
	json_object_put(value);
	return off ? 0 : fail("%s: start QEMU with -machine ...,%s=off", why, property);
}

static int check_machine(struct qmp *qmp)
{
	return check_machine_off(qmp, "smm", "system management mode cannot be replayed") ?:
	       check_machine_off(qmp, "vmport", "the VMware backdoor cannot be replayed");
}

static int check_blocks(struct qmp *qmp)
{
	struct json_object *blocks;
	int err = 0;

	if (qmp_call(qmp, "query-block", NULL, &blocks))
		return -1;
	for (size_t i = 0; i < json_object_array_length(blocks) && !err; i++) {
		struct json_object *block = json_object_array_get_idx(blocks, i);

		if (js_get(block, "inserted"))
			err = fail("disk '%s' cannot be protected yet: start QEMU without it",
				   js_str(block, "device", "?"));
	}
	json_object_put(blocks);
	return err;
}

static int check_pci_device(struct json_object *dev)
{
	struct json_object *info = js_get(dev, "class_info");
	int class = js_int(info, "class");
	const char *id = js_str(dev, "qdev_id", "");

	for (size_t i = 0; i < ARRAY_SIZE(allowed_pci); i++) {
		if (class == allowed_pci[i])
			return 0;
	}
	return fail("PCI device %s%s%s(%s, slot %d) cannot be protected: drop it (-nodefaults)",
		    *id ? "'" : "", id, *id ? "' " : "",
		    js_str(info, "desc", "of an unknown class"), (int)js_int(dev, "slot"));
}

static int check_pci_devices(struct json_object *devices)
{
	int err = 0;

	for (size_t i = 0; devices && i < json_object_array_length(devices) && !err; i++) {
		struct json_object *dev = json_object_array_get_idx(devices, i);

		err = check_pci_device(dev) ?:
		      check_pci_devices(js_get(js_get(dev, "pci_bridge"), "devices"));
	}
	return err;
}

static int check_pci(struct qmp *qmp)
{
	struct json_object *buses;
	int err = 0;

	if (qmp_call(qmp, "query-pci", NULL, &buses))
		return -1;
	for (size_t i = 0; i < json_object_array_length(buses) && !err; i++)
		err = check_pci_devices(js_get(json_object_array_get_idx(buses, i),
					       "devices"));
	json_object_put(buses);
	return err;
}

static bool is_allowed_device(const char *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(allowed_devices); i++) {
		if (!strcmp(type, allowed_devices[i]))
			return true;
	}
	return false;
}

/* Devices the user asked for are children of two containers; types read "child<...>". */
static int check_container(struct qmp *qmp, const char *path)
{
	struct json_object *args = json_object_new_object();
	struct json_object *list;
	int err = 0;

	js_add_str(args, "path", path);
	if (qmp_call(qmp, "qom-list", args, &list))
		return -1;
	for (size_t i = 0; i < json_object_array_length(list) && !err; i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		char type[80] = "";

		if (sscanf(js_str(o, "type", ""), "child<%79[^>]>", type) == 1 &&
		    !is_allowed_device(type))
			err = fail("device '%s' (%s) cannot be protected yet: leave it out",
				   js_str(o, "name", "?"), type);
	}
	json_object_put(list);
	return err;
}

static int check_arguments(char **argv)
{
	const char *inherited = args_inherited(argv);

	if (inherited)
		return fail("not supported yet: '%s' is a file QEMU got from its parent (libvirt)",
			    inherited);
	for (char **a = argv; *a; a++) {
		char *irqchip = optval(*a, "kernel-irqchip") ?: optval(*a, "kernel_irqchip");
		bool in_kernel = !irqchip || !strcmp(irqchip, "on");

		free(irqchip);
		if (!in_kernel)
			return fail("the interrupt controllers are QEMU's: use kernel-irqchip=on");
	}
	return 0;
}

static int check_migratable(struct qmp *qmp)
{
	struct json_object *info, *reasons;
	const char *status;
	int err = 0;

	if (qmp_call(qmp, "query-migrate", NULL, &info))
		return -1;
	reasons = js_get(info, "blocked-reasons");
	status = js_str(info, "status", "none");
	if (reasons && json_object_array_length(reasons))
		err = fail("QEMU cannot send this guest to another host: %s",
			   json_object_get_string(json_object_array_get_idx(reasons, 0)));
	else if (!strcmp(status, "active") || !strcmp(status, "setup"))
		err = fail("the guest is being migrated already");
	json_object_put(info);
	return err;
}

/**
 * guest_check - can this guest be protected?
 * @qmp: its QEMU
 * @qemu: the same
 *
 * Return: 0, or -1 after fail() with what to change.
 */
int guest_check(struct qmp *qmp, const struct qemu *qemu)
{
	/* First what a user is most likely to have to change. */
	return check_accel(qmp) ?:
	       check_cpus(qmp) ?:
	       check_arguments(qemu->argv) ?:
	       check_blocks(qmp) ?:
	       check_pci(qmp) ?:
	       check_container(qmp, "/machine/peripheral") ?:
	       check_container(qmp, "/machine/peripheral-anon") ?:
	       check_machine(qmp) ?:
	       check_migratable(qmp) ?:
	       check_running(qmp);
}
