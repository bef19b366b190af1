#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# Control queues of NICs that QEMU serves in its main loop (ioeventfd=on): how they
# are found, and that both hosts' modules are told.

load lib

setup() {
	host host1
	host host2
	here host1
}

# nic_on N[,OPTION...]: the arguments of a NIC with ioeventfd=on, which is QEMU's default.
nic_on() {
	nic "$@" | sed 's/,ioeventfd=off//'
}

# guest_nics ARGUMENTS...: a guest with these NICs, each a line for nic() or nic_on().
guest_nics() {
	local -a args

	readarray -t args
	guest_with "${args[@]}" "$@"
}

nics() {
	run "$TOP/build/nics-test" vm0
}

# ctrl_of NIC: what was found for it.
ctrl_of() {
	jq -c ".[] | select(.name == \"$1\") | [.\"ctrl-avail\", .\"ctrl-used\", .\"ctrl-size\"]" \
		<<<"$output"
}

@test "control queue: where it is" {
	qemu_says host1 '{"ctrl": {"net1": {"avail": 5368709120, "used": 5368713216, "num": 64},
		"net2": {"avail": 4096, "used": 8192, "num": 128}}}'
	# Another device whose path begins in the same way comes first in the list.
	{ nic_on 1; nic_on 2; } | guest_nics -device virtio-rng-pci,id=net11
	nics
	ends 0
	[[ $(ctrl_of net1) == '[5368709120,5368713216,64]' ]]
	[[ $(ctrl_of net2) == '[4096,8192,128]' ]]
}

@test "control queue: of a NIC without an id" {
	qemu_says host1 '{"ctrl": {"device[0]": {"avail": 4096, "used": 8192, "num": 64}}}'
	nic_on 1 | sed s/id=net1,// | guest_nics
	nics
	ends 0
	[[ $(ctrl_of virtio-net-pci.0) == '[4096,8192,64]' ]]
}

@test "control queue: not of interest with ioeventfd=off" {
	qemu_says host1 '{"ctrl": {"net1": {"avail": 4096, "used": 8192, "num": 64},
		"net2": {"avail": 12288, "used": 16384, "num": 64}}}'
	{ nic 1; nic_on 2; } | guest_nics
	nics
	ends 0
	[[ $(ctrl_of net1) == '[null,null,null]' ]]
	[[ $(ctrl_of net2) == '[12288,16384,64]' ]]
}

@test "control queue: QEMU need not know the question when it is not of interest" {
	qemu_says host1 '{"errors": {"x-query-virtio": "no such command"}}'
	nic 1 | guest_nics
	nics
	ends 0
	run "$FTCTL" enable vm0 --peer host2 --addr 127.0.0.1 --peer-addr 127.0.0.1
	ends 0
}

@test "control queue: the guest does without, or has none yet" {
	qemu_says host1 '{"ctrl": {"net2": {"avail": 0, "used": 0, "num": 64}}}'
	{ nic_on 1; nic_on 2; } | guest_nics
	nics
	ends 0
	[[ $(ctrl_of net1) == '[null,null,null]' ]]
	[[ $(ctrl_of net2) == '[null,null,null]' ]]
}

@test "control queue: what QEMU refuses is told" {
	local command

	nic_on 1 | guest_nics
	for command in x-query-virtio x-query-virtio-status x-query-virtio-queue-status; do
		qemu_says host1 "{\"ctrl\": {\"net1\": {\"avail\": 1, \"used\": 1, \"num\": 1}},
			\"errors\": {\"$command\": \"unstable\"}}"
		nics
		ends 1
		says "QEMU refuses $command: unstable"
	done
	qemu_says host1 '{"returns": {"x-query-virtio": []}}'
	nics
	ends 1
	says "QEMU does not list NIC 'net1' among its virtio devices"
}

@test "control queue: moved while it was not looked at" {
	local before='{"ctrl": {"net1": {"avail": 4096, "used": 8192, "num": 64}}}' after

	nic_on 1 | guest_nics
	mkfifo "$BATS_TEST_TMPDIR/go"
	for after in '"avail": 4096, "used": 8192, "num": 64' '"avail": 12288, "used": 8192, "num": 64' \
		'"avail": 4096, "used": 12288, "num": 64' '"avail": 4096, "used": 8192, "num": 128' \
		'"avail": 0, "used": 0, "num": 64'; do
		qemu_says host1 "$before"
		: >"$FTCTL_TEST_DIR/qmp.log"
		"$TOP/build/nics-test" vm0 wait <"$BATS_TEST_TMPDIR/go" \
			>"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
		exec 9>"$BATS_TEST_TMPDIR/go"
		until_true grep -qx x-query-virtio-queue-status "$FTCTL_TEST_DIR/qmp.log"
		qemu_says host1 "{\"ctrl\": {\"net1\": {$after}}}"
		echo >&9
		exec 9>&-
		status=0
		wait $! || status=$?
		output=$(<"$BATS_TEST_TMPDIR/out")
		if [[ $before == *"$after"* ]]; then
			ends 0
		else
			ends 1
			says "the guest has set up NIC 'net1' anew meanwhile: try again"
		fi
	done
}

# prepare JSON: have host2 prepare a copy of a guest with a NIC, of which it is told this.
prepare() {
	local argv

	argv=$({ printf '%s\n' qemu -name vm0 -qmp unix:/proc/self/cwd/vm0.qmp,server=on,wait=off
		nic_on 1; } | jq -R . | jq -sc .)
	here host2
	run bash -c "printf '%s\n' '{\"op\":\"prepare\",\"name\":\"vm0\",\"exe\":\"$TOP/build/qemu-system-test\",
		\"cwd\":\"/\",\"argv\":$argv,\"nics\":[$1],\"listen\":\"127.0.0.1\",\"session\":\"0x1\",
		\"on-loss\":\"ask\"}' | tr -d '\n\t' | '$FTCTL' peer"
	ends 0
	field .ok true
}

@test "control queue: the peer's module is told what the primary found" {
	prepare '{"name":"net1","mac":"52:54:00:00:00:01","ctrl-avail":5368709120,"ctrl-used":8192,"ctrl-size":64}'
	devices host2 | jq -e '.[0] == {"fd": "/memfd:vhost-net (deleted)", "ifindex": 101,
		"mac": "52:54:00:00:00:01", "ctrl-avail": "0x0000000140000000",
		"ctrl-used": "0x0000000000002000", "ctrl-size": 64}'
}

@test "control queue: where there is none the module is told of none" {
	prepare '{"name":"net1","mac":"52:54:00:00:00:01"}'
	devices host2 | jq -e '.[0] | has("mac") and (has("ctrl-size") or has("ctrl-avail") | not)'
}

@test "control queue: enable tells both modules" {
	skip "ioeventfd=on is refused yet"
	qemu_says host1 '{"ctrl": {"net2": {"avail": 5368709120, "used": 8192, "num": 64}}}'
	{ nic 1; nic_on 2; } | guest_nics
	run "$FTCTL" enable vm0 --peer host2 --addr 127.0.0.1 --peer-addr 127.0.0.1
	ends 0
	for h in host1 host2; do
		devices $h | jq -e '(.[0] | has("ctrl-avail") | not) and
			(.[1] | ."ctrl-avail" == "0x0000000140000000" and ."ctrl-size" == 64)'
	done
}
