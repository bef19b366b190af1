// SPDX-License-Identifier: GPL-2.0-only
/*
 * nics-test VM: what ftctl finds out about a guest's NICs, as JSON, whether or not
 * it would protect it. With a second argument it waits for a line of input, and
 * looks whether it still holds.
 */
#include <json-c/json.h>
#include <stdio.h>

#include "../ftctl.h"
#include "../guest.h"
#include "../js.h"
#include "../nic.h"
#include "../proc.h"
#include "../qmp.h"

struct options opt;

int main(int argc, char **argv)
{
	struct json_object *disks = json_object_new_array();
	struct json_object *found = json_object_new_array();
	struct json_object *nics = NULL;
	struct qemu qemu = {};
	struct qmp *qmp = NULL;
	int err;

	err = argc < 2 ? fail("which VM?") : qemu_find(argv[1], &qemu);
	if (!err)
		qmp = qmp_open(&qemu);
	err = err || !qmp || nic_list(qmp, &nics) ||
	      guest_check(qmp, &qemu, nics, disks, found) || nic_ctrl_queues(qmp, nics);
	if (!err && argc > 2) {
		getchar();
		err = nic_check_ctrl_queues(qmp, nics);
	}
	if (err)
		fprintf(stderr, "%s\n", fail_why());
	else
		js_print(nics);
	qmp_close(qmp);
	qemu_free(&qemu);
	json_object_put(nics);
	json_object_put(found);
	json_object_put(disks);
	return !!err;
}
