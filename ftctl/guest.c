// SPDX-License-Identifier: GPL-2.0-only
/*
 * Can this guest be protected? Asked of QEMU before anything is begun; each
 * answer says what to change. The processor's flags are the module's to judge.
 *
 * Devices are judged by their type where the user asked for them. What a machine
 * makes by itself is in no list but that of the PCI bus, and is judged by its
 * class.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "disk.h"
#include "ftctl.h"
#include "guest.h"
#include "js.h"
#include "libvirt.h"
#include "nic.h"
#include "obstacle.h"
#include "platform.h"
#include "proc.h"
#include "qemuargs.h"
#include "qmp.h"

/* PCI classes; QEMU tells class and subclass in one number. */
#define PCI_SCSI	0x0100
#define PCI_IDE		0x0101
#define PCI_SATA	0x0106
#define PCI_ETHERNET	0x0200
#define PCI_HOST	0x0600
#define PCI_ISA		0x0601
#define PCI_PCI		0x0604
#define PCI_BRIDGE	0x0680
#define PCI_SERIAL	0x0700
#define PCI_SMBUS	0x0c05

/*
 * What the chipsets of pc and q35 are made of, serial ports, and what is looked at
 * more closely: NICs and SCSI.
 */
static const int allowed_pci[] = {
	PCI_SCSI, PCI_IDE, PCI_SATA, PCI_ETHERNET, PCI_HOST, PCI_ISA, PCI_PCI, PCI_BRIDGE,
	PCI_SERIAL, PCI_SMBUS,
};

/**
 * struct guest - what is looked at
 * @qmp: its QEMU
 * @qemu: the same
 * @nics: its NICs
 * @disks: get its disks
 * @found: the obstacles; NULL: the first is enough
 */
struct guest {
	struct qmp *qmp;
	const struct qemu *qemu;
	struct json_object *nics;
	struct json_object *disks;
	struct json_object *found;
};

/**
 * struct device - a device the user asked for
 * @path: in QEMU's tree of objects
 * @name: its id, or "device[N]"
 * @type: what it is
 */
struct device {
	const char *path;
	const char *name;
	const char *type;
};

static int check_virtio_net(struct guest *g, const struct device *dev);
static int check_vhost_scsi(struct guest *g, const struct device *dev);

/* Further types of device become possible here; @check is more to ask of one. */
static const struct device_type {
	const char *type;
	int (*check)(struct guest *g, const struct device *dev);
} allowed_devices[] = {
	{ "isa-serial",				NULL },
	{ "pci-serial",				NULL },
	{ "isa-debugcon",			NULL },
	{ "isa-debug-exit",			NULL },
	{ "pcie-root-port",			NULL },
	{ "virtio-net-pci",			check_virtio_net },
	{ "virtio-net-pci-transitional",	check_virtio_net },
	{ "virtio-net-pci-non-transitional",	check_virtio_net },
	{ "vhost-scsi-pci",			check_vhost_scsi },
	{ "vhost-scsi-pci-transitional",	check_vhost_scsi },
	{ "vhost-scsi-pci-non-transitional",	check_vhost_scsi },
};

/* What libvirt gives a guest unless it is told not to. */
static const struct given {
	const char *type;
	const char *hint;
} given[] = {
	{ "virtio-balloon-pci",	" (libvirt: <memballoon model=\"none\"/>)" },
	{ "piix3-usb-uhci",	" (libvirt: <controller type=\"usb\" model=\"none\"/>)" },
	{ "ich9-usb-ehci1",	" (libvirt: <controller type=\"usb\" model=\"none\"/>)" },
	{ "qemu-xhci",		" (libvirt: <controller type=\"usb\" model=\"none\"/>)" },
};

static int check_running(struct guest *g)
{
	char status[32];

	if (qmp_status(g->qmp, status, sizeof(status)))
		return -1;
	if (strcmp(status, "running"))
		return obstacle(g->found, "the guest is not running but '%s': resume it first",
				status);
	return 0;
}

static int check_accel(struct guest *g)
{
	struct json_object *kvm;
	bool enabled;

	if (qmp_call(g->qmp, "query-kvm", NULL, &kvm))
		return -1;
	enabled = js_bool(kvm, "enabled");
	json_object_put(kvm);
	return enabled ? 0 :
	       obstacle(g->found, "the guest is emulated: start QEMU with -accel kvm");
}

static int check_cpus(struct guest *g)
{
	struct json_object *cpus;
	int n;

	if (qmp_call(g->qmp, "query-cpus-fast", NULL, &cpus))
		return -1;
	n = json_object_array_length(cpus);
	json_object_put(cpus);
	return n == 1 ? 0 :
	       obstacle(g->found, "the guest has %d processors: start QEMU with -smp 1", n);
}

/* A property of an object of QEMU's, in text; NULL when there is no such property. */
static char *property(struct guest *g, const char *path, const char *name)
{
	struct json_object *args = json_object_new_object();
	struct json_object *value;
	char *text;

	js_add_str(args, "path", path);
	js_add_str(args, "property", name);
	if (qmp_call(g->qmp, "qom-get", args, &value))
		return NULL;
	if (json_object_is_type(value, json_type_boolean))
		text = strdup(json_object_get_boolean(value) ? "on" : "off");
	else
		text = strdup(json_object_get_string(value) ?: "");
	json_object_put(value);
	return text;
}

/* What has no such switch does not have what it switches. */
static bool is_off(struct guest *g, const char *path, const char *name)
{
	char *value = property(g, path, name);
	bool off = !value || !strcmp(value, "off");

	free(value);
	return off;
}

/* A switch of the machine that has to be off. */
static int check_machine_off(struct guest *g, const char *name, const char *why)
{
	return is_off(g, "/machine", name) ? 0 :
	       obstacle(g->found,
			"%s: start QEMU with -machine ...,%s=off (libvirt: <%s state=\"off\"/>)",
			why, name, name);
}

static int check_machine(struct guest *g)
{
	return check_machine_off(g, "smm", "system management mode cannot be replayed") ?:
	       check_machine_off(g, "vmport", "the VMware backdoor cannot be replayed");
}

static int check_blocks(struct guest *g)
{
	struct json_object *blocks;
	int err = 0;

	if (qmp_call(g->qmp, "query-block", NULL, &blocks))
		return -1;
	for (size_t i = 0; i < json_object_array_length(blocks) && !err; i++) {
		struct json_object *block = json_object_array_get_idx(blocks, i);

		if (js_get(block, "inserted"))
			err = obstacle(g->found,
				       "disk '%s' cannot be protected yet: start QEMU without it",
				       js_str(block, "device", "?"));
	}
	json_object_put(blocks);
	return err;
}

static int check_pci_device(struct guest *g, struct json_object *dev)
{
	struct json_object *info = js_get(dev, "class_info");
	int class = js_int(info, "class");

	/* What has an id was asked for, and is judged by its type. */
	if (*js_str(dev, "qdev_id", ""))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(allowed_pci); i++) {
		if (class == allowed_pci[i])
			return 0;
	}
	return obstacle(g->found,
			"PCI device %s in slot %d cannot be protected: drop it (-nodefaults)",
			js_str(info, "desc", "of an unknown class"),
			(int)js_int(dev, "slot"));
}

static int check_pci_devices(struct guest *g, struct json_object *devices)
{
	int err = 0;

	for (size_t i = 0; devices && i < json_object_array_length(devices) && !err; i++) {
		struct json_object *dev = json_object_array_get_idx(devices, i);

		err = check_pci_device(g, dev) ?:
		      check_pci_devices(g, js_get(js_get(dev, "pci_bridge"), "devices"));
	}
	return err;
}

static int check_pci(struct guest *g)
{
	struct json_object *buses;
	int err = 0;

	if (qmp_call(g->qmp, "query-pci", NULL, &buses))
		return -1;
	for (size_t i = 0; i < json_object_array_length(buses) && !err; i++)
		err = check_pci_devices(g, js_get(json_object_array_get_idx(buses, i),
						  "devices"));
	json_object_put(buses);
	return err;
}

/* What of a NIC cannot be replayed. */
static int check_virtio_net(struct guest *g, const struct device *dev)
{
	char *netdev = property(g, dev->path, "netdev");
	struct json_object *nic = nic_find(g->nics, "netdev", netdev ?: "");
	const char *name = nic ? js_str(nic, "name", "?") : dev->name;
	int err = 0;

	/* The netdev itself is looked at in check_netdev(); this is how the two meet. */
	if (nic)
		json_object_object_add(nic, "asked-for", json_object_new_boolean(true));
	free(netdev);

	if (!is_off(g, dev->path, "packed"))
		err = obstacle(g->found,
			       "the packed rings of NIC '%s' cannot be replayed: set packed=off on it (libvirt: <driver packed=\"off\"/>)",
			       name);
	if (!err && !is_off(g, dev->path, "iommu_platform"))
		err = obstacle(g->found,
			       "what NIC '%s' reaches through an IOMMU cannot be replayed: set iommu_platform=off on it (libvirt: <driver iommu=\"off\"/>)",
			       name);
	return err;
}

/* A disk that vhost serves; QEMU moves it to another host when it is told that it may. */
static int check_vhost_scsi(struct guest *g, const struct device *dev)
{
	char *queues = property(g, dev->path, "num_queues");
	bool one = queues && !strcmp(queues, "1");
	char *wwpn;
	int err;

	free(queues);
	if (!one)
		return obstacle(g->found, "disk '%s' has several queues: set num_queues=1 on it",
				dev->name);
	if (!is_off(g, dev->path, "t10_pi"))
		return obstacle(g->found, "disk '%s' has protection information: set t10_pi=off on it",
				dev->name);
	if (is_off(g, dev->path, "migratable"))
		return obstacle(g->found,
				"disk '%s' is not said to be on storage that the peer reaches, too: see to it, and set migratable=on on it",
				dev->name);
	wwpn = property(g, dev->path, "wwpn");
	err = disk_add(g->disks, dev->name, wwpn ?: "", g->found);
	free(wwpn);
	return err;
}

static bool is_virtio_net(const char *type)
{
	return !strncmp(type, "virtio-net-pci", strlen("virtio-net-pci"));
}

/* How a NIC is connected to this host. */
static int check_netdev(struct guest *g, struct json_object *nic)
{
	const char *name = js_str(nic, "name", "?");
	const char *netdev = js_str(nic, "netdev", NULL);
	const char *backend = js_str(nic, "backend", "");
	const char *opts = netdev ? args_netdev(g->qemu->argv, netdev) : NULL;

	if (!netdev)
		return obstacle(g->found,
				"NIC '%s' is connected to nothing: connect it to a tap (-netdev tap,id=ID,ifname=TAP,vhost=on), or drop it",
				name);
	if (strcmp(backend, "tap"))
		return obstacle(g->found,
				"NIC '%s' is connected to '%s' (%s): connect it to a tap (-netdev tap,id=%s,ifname=TAP,vhost=on)",
				name, netdev, backend, netdev);
	if (!js_bool(nic, "asked-for") || !opts)
		return obstacle(g->found,
				"NIC '%s' was not made by -device and -netdev, as a copy on the peer needs it: make it so",
				name);
	if (!netdev_on(opts, "vhost") && !netdev_on(opts, "vhostforce"))
		return obstacle(g->found,
				"NIC '%s' is served by QEMU itself: set vhost=on on -netdev %s (libvirt: <driver name=\"vhost\"/>)",
				name, netdev);
	if (js_int(nic, "queues") > 1)
		return obstacle(g->found,
				"NIC '%s' has %d pairs of queues: set queues=1 on -netdev %s and mq=off on the NIC (libvirt: <driver queues=\"1\"/>)",
				name, (int)js_int(nic, "queues"), netdev);
	/* One is told by there being no other. */
	if (!js_get(nic, "tap") && !js_get(nic, "vhostfd") &&
	    json_object_array_length(g->nics) > 1)
		return obstacle(g->found,
				"which tap NIC '%s' has cannot be told: set ifname=TAP on -netdev %s",
				name, netdev);
	return 0;
}

static int check_nics(struct guest *g)
{
	size_t n = json_object_array_length(g->nics);
	int err = 0, wrong = 0, vhosts, fd;

	for (size_t i = 0; i < n && !err; i++) {
		struct json_object *nic = json_object_array_get_idx(g->nics, i);
		const char *model = js_str(nic, "model", "?");
		int before = g->found ? json_object_array_length(g->found) : 0;

		if (!is_virtio_net(model))
			err = obstacle(g->found,
				       "NIC '%s' is of type %s: make it a virtio-net-pci, with vhost=on on its -netdev",
				       js_str(nic, "name", "?"), model);
		else
			err = check_netdev(g, nic);
		wrong += g->found && (int)json_object_array_length(g->found) > before;
	}
	if (err || wrong)
		return err;

	/* QEMU does not insist on vhost=on: without it, it goes on with a warning. */
	vhosts = qemu_fds(g->qemu->pid, platform_vhost_net_link(), &fd, 1);
	if (vhosts != (int)n)
		err = obstacle(g->found,
			       "vhost serves %d NICs of %d, though vhost=on is said: load the module vhost_net, let QEMU open /dev/vhost-net, restart it",
			       vhosts, (int)n);
	return err;
}

static const char *hint_for(const char *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(given); i++) {
		if (!strcmp(type, given[i].type))
			return given[i].hint;
	}
	return "";
}

static int check_device(struct guest *g, const struct device *dev)
{
	for (size_t i = 0; i < ARRAY_SIZE(allowed_devices); i++) {
		if (!strcmp(dev->type, allowed_devices[i].type))
			return allowed_devices[i].check ? allowed_devices[i].check(g, dev) : 0;
	}
	/* NICs of other types are told of as NICs. */
	if (nic_find(g->nics, "model", dev->type))
		return 0;
	return obstacle(g->found, "device '%s' (%s) cannot be protected yet: leave it out%s",
			dev->name, dev->type, hint_for(dev->type));
}

/* Devices the user asked for are children of two containers; types read "child<...>". */
static int check_container(struct guest *g, const char *container)
{
	struct json_object *args = json_object_new_object();
	struct json_object *list;
	int err = 0;

	js_add_str(args, "path", container);
	if (qmp_call(g->qmp, "qom-list", args, &list))
		return -1;
	for (size_t i = 0; i < json_object_array_length(list) && !err; i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		char type[80] = "", path[300];
		struct device dev = {
			.path = path,
			.name = js_str(o, "name", "?"),
			.type = type,
		};

		snprintf(path, sizeof(path), "%s/%s", container, dev.name);
		if (sscanf(js_str(o, "type", ""), "child<%79[^>]>", type) == 1)
			err = check_device(g, &dev);
	}
	json_object_put(list);
	return err;
}

static int check_devices(struct guest *g)
{
	return check_container(g, "/machine/peripheral") ?:
	       check_container(g, "/machine/peripheral-anon");
}

static int check_arguments(struct guest *g)
{
	const char *inherited = args_inherited(g->qemu->argv);
	int err = 0;

	/* On the peer libvirt hands its own ones down. */
	if (inherited && !libvirt_runs(g->qemu->argv))
		err = obstacle(g->found,
			       "'%s' is a file that QEMU got from its parent, which a copy on the peer cannot get: have QEMU open it",
			       inherited);
	for (char **a = g->qemu->argv; *a && !err; a++) {
		char *irqchip = optval(*a, "kernel-irqchip") ?: optval(*a, "kernel_irqchip");
		bool in_kernel = !irqchip || !strcmp(irqchip, "on");

		free(irqchip);
		if (!in_kernel)
			err = obstacle(g->found,
				       "the interrupt controllers are QEMU's: use kernel-irqchip=on");
	}
	return err;
}

static int check_migratable(struct guest *g)
{
	struct json_object *info, *reasons;
	const char *status;
	int err = 0;

	if (qmp_call(g->qmp, "query-migrate", NULL, &info))
		return -1;
	reasons = js_get(info, "blocked-reasons");
	status = js_str(info, "status", "none");
	for (size_t i = 0; reasons && i < json_object_array_length(reasons) && !err; i++)
		err = obstacle(g->found, "QEMU cannot send this guest to another host: %s",
			       json_object_get_string(json_object_array_get_idx(reasons, i)));
	if (!err && (!strcmp(status, "active") || !strcmp(status, "setup")))
		err = obstacle(g->found, "the guest is being migrated already");
	json_object_put(info);
	return err;
}

/**
 * guest_check - can this guest be protected?
 * @qmp: its QEMU
 * @qemu: the same
 * @nics: its NICs
 * @disks: an array; gets its disks, see disk.h
 * @found: gets the obstacles, with what to change; NULL: the first is enough
 *
 * Return: 0, or -1 after fail(), for an obstacle only when @found is NULL
 */
int guest_check(struct qmp *qmp, const struct qemu *qemu, struct json_object *nics,
		struct json_object *disks, struct json_object *found)
{
	struct guest g = {
		.qmp = qmp, .qemu = qemu, .nics = nics, .disks = disks, .found = found,
	};

	/* First what a user is most likely to have to change. */
	return check_accel(&g) ?:
	       check_cpus(&g) ?:
	       check_arguments(&g) ?:
	       check_blocks(&g) ?:
	       check_pci(&g) ?:
	       check_devices(&g) ?:
	       check_nics(&g) ?:
	       check_machine(&g) ?:
	       check_migratable(&g) ?:
	       check_running(&g);
}
