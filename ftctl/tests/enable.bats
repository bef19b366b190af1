#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# enable and disable between two made-up hosts: the steps in their order, and
# that a failure of any leaves the guest running and nothing on the peer.

load lib

setup() {
	qemu_pid=
	host host1
	host host2
	here host1
}

copy_pid() {
	local link

	for link in "$BATS_TEST_TMPDIR"/host2/proc/*; do
		alive "${link##*/}" && echo "${link##*/}"
	done
}

@test "enable: both sides are attached, compared, started" {
	guest vm0
	enable --on-loss promote
	ends 0
	says "[1/6]"
	says "[6/6]"
	says "memory:  25 %"
	says "memory: 100 %"
	says "vm0 is protected: primary here, secondary on host2"

	[[ $(requests host1) == "vm-get version-get version-get vm-attach vm-digest vm-start" ]]
	[[ $(requests host2) == "version-get vm-get vm-get vm-attach vm-get vm-digest" ]]

	# Both attached the right thing, to each other.
	output=$(grep vm-attach "$BATS_TEST_TMPDIR/host1/requests")
	field .role primary
	field '."on-loss"' promote
	field '."vm-fd"' "/memfd:kvm-vm (deleted)"
	field '."vcpu-fd"' "/memfd:kvm-vcpu:0 (deleted)"
	field .pid "$qemu_pid"
	field '."local-ipv4"' 127.0.0.1
	field '."peer-ipv4"' 127.0.0.1
	field '."peer-port"' 7790
	session=$(jq -r .session <<<"$output")
	[[ $session != 0x0000000000000000 ]]
	output=$(grep vm-attach "$BATS_TEST_TMPDIR/host2/requests")
	field .role secondary
	field '."on-loss"' promote
	field .session "$session"
	field .pid "$(copy_pid)"
	field '."local-ipv4"' 127.0.0.1
	field 'has("peer-ipv4")' false
}

@test "enable: the copy is attached before the guest arrives, and runs before the guest" {
	guest vm0
	enable
	ends 0
	[[ $(commands host1) == *"migrate-set-capabilities migrate query-migrate"*"migrate-continue"*"migrate-set-capabilities cont" ]]
	[[ $(commands host2) == *"migrate-incoming query-migrate query-status"*"cont" ]]
	# ask is what is not said otherwise.
	grep vm-attach "$BATS_TEST_TMPDIR/host1/requests" | jq -e '."on-loss" == "ask"'
}

@test "enable: the copy has the guest's command line, and waits for it" {
	guest vm0
	enable
	ends 0
	tr '\0' '\n' <"/proc/$(copy_pid)/cmdline" >"$BATS_TEST_TMPDIR/copy"
	tr '\0' '\n' <"/proc/$qemu_pid/cmdline" | grep -vx -- -daemonize >"$BATS_TEST_TMPDIR/want"
	printf '%s\n' -S -incoming defer >>"$BATS_TEST_TMPDIR/want"
	diff "$BATS_TEST_TMPDIR/want" "$BATS_TEST_TMPDIR/copy"
}

@test "enable: the copy of a copy has -incoming only once" {
	qemu -name vm0 -qmp "unix:/proc/self/cwd/vm0.qmp,server=on,wait=off" -S
	enable
	ends 0
	[[ $(tr '\0' '\n' <"/proc/$(copy_pid)/cmdline" | grep -cx -- -S) == 1 ]]
}

@test "enable -j: one JSON object on standard output, no progress" {
	guest vm0
	run bash -c "'$FTCTL' -j enable vm0 --peer host2 --addr 127.0.0.1 \
		--peer-addr 127.0.0.1 2>'$BATS_TEST_TMPDIR/stderr'"
	ends 0
	field .state running
	field .name vm0
	[[ ! -s $BATS_TEST_TMPDIR/stderr ]]
}

@test "enable: addresses are found by the peer's name" {
	host localhost
	guest vm0
	run "$FTCTL" enable vm0 --peer root@localhost
	ends 0
	output=$(grep vm-attach "$BATS_TEST_TMPDIR/host1/requests")
	field '."local-ipv4" // ."local-ipv6" | . == "127.0.0.1" or . == "::1"' true
}

@test "enable: a logging link that cannot be told is asked for" {
	guest vm0
	run "$FTCTL" enable vm0 --peer host2
	ends 1
	says "--peer-addr"
	run "$FTCTL" enable vm0 --peer host2 --addr 192.0.2.1
	ends 1
	says "no address 192.0.2.1"
	run "$FTCTL" enable vm0 --peer host2 --dev nosuch0
	ends 1
	says "'nosuch0'"
	as_before
}

@test "enable: no such VM" {
	enable
	ends 1
	says "no QEMU on this host runs a VM called 'vm0'"
}

@test "enable: two VMs of one name" {
	guest vm0
	qemu -name vm0 -qmp "unix:$BATS_TEST_TMPDIR/other.qmp,server=on,wait=off"
	enable
	ends 1
	says "two VMs"
}

@test "enable: a VM that is protected already" {
	guest vm0
	state '.vms = [{name: "vm0", role: "primary", state: "running", reason: "none"}]'
	enable
	ends 1
	says "it is protected already: its state is running"
	[[ ! -e $BATS_TEST_TMPDIR/host2/requests ]]
}

@test "enable: a VM that lost its secondary is protected anew" {
	guest vm0
	state '.vms = [{name: "vm0", role: "secondary", state: "need-secondary", reason: "none"}]'
	enable
	ends 0
	[[ $(requests host1) == "vm-get version-get version-get vm-disable vm-attach vm-digest vm-start" ]]
}

# refused JSON SENTENCE: QEMU that answers so is not protected, and why is said.
refused() {
	qemu_says host1 "$1"
	enable
	ends 1
	says "$2"
	# Not even begun: the peer was not asked.
	[[ ! -e $BATS_TEST_TMPDIR/host2/requests ]]
}

@test "enable: what cannot be protected is refused, and what to change is said" {
	guest vm0
	refused '{"returns": {"query-kvm": {"enabled": false}}}' "-accel kvm"
	refused '{"returns": {"query-cpus-fast": [{}, {}]}}' "-smp 1"
	refused '{"returns": {"query-block": [{"device": "hd7", "inserted": {}}]}}' "'hd7'"
	refused '{"returns": {"query-pci": [{"devices": [{"slot": 3, "qdev_id": "",
		"class_info": {"class": 1025, "desc": "Audio controller"}}]}]}}' \
		"PCI device Audio controller in slot 3"
	refused '{"returns": {"query-pci": [{"devices": [{"slot": 1, "qdev_id": "",
		"class_info": {"class": 1540, "desc": "PCI bridge"}, "pci_bridge": {"devices":
		[{"slot": 9, "qdev_id": "", "class_info": {"class": 768, "desc": "VGA"}}]}}]}]}}' \
		"PCI device VGA in slot 9"
	refused '{"returns": {"qom-list": [{"name": "x1", "type": "child<virtio-mmio>"}]}}' \
		"'x1' (virtio-mmio)"
	refused '{"returns": {"qom-get": "auto"}}' "smm=off"
	refused '{"returns": {"query-migrate": {"blocked-reasons": ["a stuck device"]}}}' \
		"a stuck device"
	refused '{"returns": {"query-status": {"status": "paused"}}}' "'paused'"
}

@test "enable: serial ports, ports of PCI Express and empty drives are no obstacle" {
	guest vm0
	qemu_says host1 '{"returns": {
		"query-block": [{"device": "ide1-cd0", "removable": true}],
		"qom-list": [{"name": "type", "type": "string"},
			{"name": "s1", "type": "child<isa-serial>"},
			{"name": "pci.1", "type": "child<pcie-root-port>"}]}}'
	enable
	ends 0
}

@test "enable: interrupt controllers in QEMU are refused" {
	qemu -name vm0 -machine pc,kernel-irqchip=split \
		-qmp "unix:/proc/self/cwd/vm0.qmp,server=on,wait=off"
	enable
	ends 1
	says "kernel-irqchip=on"
}

@test "enable: QEMU without a monitor, and one that has ended" {
	qemu -name vm0
	enable
	ends 1
	says "-qmp unix:PATH"
}

@test "enable: a QEMU that holds files of its parent is refused" {
	qemu -name vm0 -add-fd set=1,fd=9 -qmp "unix:/proc/self/cwd/vm0.qmp,server=on,wait=off"
	enable
	ends 1
	says "-add-fd"
}

@test "enable: the peer cannot be reached" {
	guest vm0
	run "$FTCTL" enable vm0 --peer nowhere --peer-addr 127.0.0.1
	ends 1
	says "Could not resolve hostname nowhere"
	says "no answer from nowhere"
	as_before
}

@test "enable: the peer has no module" {
	guest vm0
	here host2
	state '.module = false'
	here host1
	enable
	ends 1
	says "host2: the module kvm_ft is not loaded"
	as_before
}

@test "enable: hosts that do not fit together" {
	guest vm0
	here host2
	state '.version.vendor = "vmx"'
	here host1
	enable
	ends 1
	says "svm here, vmx on host2"
	here host2
	state '.version.vendor = "svm" | .version["wire-min"] = 3 | .version["wire-max"] = 4'
	here host1
	enable
	ends 1
	says "do not understand each other"
	state 'del(.version.vendor)'
	enable
	ends 1
	says "this host's processor"
	as_before
}

@test "enable: QEMU does not start on the peer: what it said is shown" {
	qemu -name vm0 -qmp "unix:/proc/self/cwd/vm0.qmp,server=on,wait=off"
	qemu_says host2 '{"die": "qmp_capabilities"}'
	enable
	ends 1
	says "starting QEMU on the peer: host2: QEMU did not start"
	says "told to die at qmp_capabilities"
	as_before
}

@test "enable: the peer runs a VM of this name: it is left alone" {
	guest vm0
	pid1=$qemu_pid
	here host2
	qemu -name vm0 -qmp "unix:$BATS_TEST_TMPDIR/two.qmp,server=on,wait=off"
	touch "$BATS_TEST_TMPDIR/host2/run/vm0.log"
	here host1
	enable
	ends 1
	says "runs here already, as process $qemu_pid"
	alive "$qemu_pid"
	alive "$pid1"
	[[ -e $BATS_TEST_TMPDIR/host2/run/vm0.log ]]
}

@test "enable: a copy that must never run makes room for a new one" {
	guest vm0
	pid1=$qemu_pid
	here host2
	qemu -name vm0 -qmp "unix:$BATS_TEST_TMPDIR/two.qmp,server=on,wait=off"
	state ".vms = [{name: \"vm0\", role: \"secondary\", state: \"dropped\",
		reason: \"divergence\", pid: $qemu_pid}]"
	here host1
	enable
	ends 0
	gone "$qemu_pid"
	alive "$pid1"
	[[ ! -e $BATS_TEST_TMPDIR/two.qmp ]]
}

@test "enable: the secondary cannot be attached" {
	guest vm0
	here host2
	state '.refuse["vm-attach"] = {errno: 95, msg: "flag kvmclock is on", attr: "vm-fd"}'
	here host1
	enable
	ends 1
	says "starting QEMU on the peer: host2: flag kvmclock is on (vm-fd: Operation not supported)"
	as_before
}

@test "enable: the guest cannot be sent" {
	guest vm0
	qemu_says host1 '{"errors": {"migrate": "no such uri"}}'
	enable
	ends 1
	says "copying the guest: QEMU refuses migrate: no such uri"
	as_before
}

@test "enable: QEMU on the peer dies while the guest is sent" {
	guest vm0
	# It never ends by itself.
	qemu_says host1 '{"steps": 1000000}'
	run_enable_in_background
	until_true test -n "$(until_true copy_pid)"
	until_true grep -qx query-migrate "$BATS_TEST_TMPDIR/host1/qmp.log"
	until_true grep -qx migrate-incoming "$BATS_TEST_TMPDIR/host2/qmp.log"
	until_true grep -qx migrate "$BATS_TEST_TMPDIR/host1/qmp.log"
	kill -9 "$(copy_pid)"
	finish_background
	ends 1
	says "QEMU could not send the guest: the peer hung up"
	as_before
}

run_enable_in_background() {
	"$FTCTL" enable vm0 --peer host2 --addr 127.0.0.1 --peer-addr 127.0.0.1 \
		>"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	background=$!
	echo $background >>"$BATS_TEST_TMPDIR/pids"
}

finish_background() {
	status=0
	wait "$background" || status=$?
	output=$(<"$BATS_TEST_TMPDIR/out")
}

@test "enable: the link is lost before the copy has all of the guest" {
	guest vm0
	qemu_says host2 '{"returns": {"query-status": {"status": "inmigrate", "running": false}}}'
	run_enable_in_background
	until_true grep -q '"vm-attach"' "$BATS_TEST_TMPDIR/host1/requests"
	until_true test -s "$BATS_TEST_TMPDIR/host2/qmp.log"
	state '.vms = []'
	finish_background
	ends 1
	says "vm0 is not protected: joining the two copies: the module let go of it"
	[[ $output != *"could not"* ]]
	as_before
}

@test "enable: interrupted while the guest is sent: everything is put back" {
	guest vm0
	qemu_says host1 '{"steps": 1000000}'
	run_enable_in_background
	until_true grep -qx migrate "$BATS_TEST_TMPDIR/host1/qmp.log"
	kill -TERM "$background"
	finish_background
	ends 1
	says "copying the guest: interrupted"
	grep -qx migrate_cancel "$BATS_TEST_TMPDIR/host1/qmp.log"
	as_before
}

@test "enable: killed without warning: the peer puts its side right by itself" {
	guest vm0
	qemu_says host1 '{"steps": 1000000}'
	run_enable_in_background
	until_true grep -qx migrate "$BATS_TEST_TMPDIR/host1/qmp.log"
	pid2=$(copy_pid)
	kill -9 "$background"
	until_true gone "$pid2"
	clean() { [[ -z $(ls "$BATS_TEST_TMPDIR/host2/run") ]]; }
	until_true clean
}

@test "enable: the primary cannot be attached" {
	guest vm0
	state '.refuse["vm-attach"] = {errno: 111, msg: "the secondary does not answer"}'
	enable
	ends 1
	says "joining the two copies: the secondary does not answer"
	grep -qx migrate_cancel "$BATS_TEST_TMPDIR/host1/qmp.log"
	as_before
}

@test "enable: copies that differ are told apart by part" {
	guest vm0
	here host2
	state '.digest.ram = "0x22" | .digest.irqchip = "0x33"'
	here host1
	enable
	ends 1
	says "comparing the two copies: the copy is not equal; what differs: ram, irqchip"
	[[ $(requests host1) == *vm-disable ]]
	[[ $(requests host2) == *vm-disable ]]
	as_before
}

@test "enable: lockstep cannot be started" {
	guest vm0
	state '.refuse["vm-start"] = {errno: 32, msg: "the copy was lost"}'
	enable
	ends 1
	says "running in lockstep: the copy was lost"
	as_before
}

@test "enable: the copy cannot be resumed" {
	guest vm0
	qemu_says host2 '{"errors": {"cont": "stuck"}}'
	enable
	ends 1
	says "running in lockstep: host2: QEMU refuses cont: stuck"
	as_before
}

@test "disable: on the primary the copy is stopped and its traces removed" {
	guest vm0
	enable
	ends 0
	pid2=$(copy_pid)
	[[ $(jq -r .peer "$BATS_TEST_TMPDIR/host1/run/vm0.json") == host2 ]]
	run "$FTCTL" disable vm0
	ends 0
	says "vm0 is not protected any more"
	gone "$pid2"
	[[ ! -e $BATS_TEST_TMPDIR/host2/vm0.qmp ]]
	as_before
}

@test "disable: the peer's name is not known, or it does not answer" {
	guest vm0
	enable
	ends 0
	rm "$BATS_TEST_TMPDIR/host1/run/vm0.json"
	run "$FTCTL" disable vm0
	ends 1
	says "not protected any more, but"
	says "which host has the copy is not known"

	state '.vms = [{name: "vm0", role: "primary", state: "running", reason: "none"}]'
	printf '{"name": "vm0", "peer": "nowhere"}' >"$BATS_TEST_TMPDIR/host1/run/vm0.json"
	run "$FTCTL" -j disable vm0
	ends 1
	says "the copy on nowhere may be left"
}

@test "disable: ssh ends before anything is written to it" {
	guest vm0
	state '.vms = [{name: "vm0", role: "primary", state: "running", reason: "none"}]'
	printf '{"name": "vm0", "peer": "nowhere"}' >"$BATS_TEST_TMPDIR/host1/run/vm0.json"
	FTCTL_TEST_FORK_WAITS=1 run "$FTCTL" disable vm0
	ends 1
	says "the copy on nowhere may be left"
	says "no answer from nowhere"
}

@test "disable: on the secondary the copy's QEMU is stopped" {
	guest vm0
	enable
	ends 0
	pid2=$(copy_pid)
	here host2
	run "$FTCTL" -j disable vm0
	ends 0
	field .state disabled
	gone "$pid2"
}

@test "disable: a secondary that took over goes on" {
	here host2
	guest vm0
	state ".vms = [{name: \"vm0\", role: \"secondary\", state: \"need-secondary\",
		reason: \"lost-connection\", pid: $qemu_pid}]"
	run "$FTCTL" disable vm0
	ends 0
	alive "$qemu_pid"
	[[ $(jq -c .vms "$FTCTL_TEST_DIR/state.json") == '[]' ]]
}

@test "disable: a dropped copy is stopped, and not mistaken for another process" {
	guest vm0
	state ".vms = [{name: \"vm0\", role: \"primary\", state: \"dropped\",
		reason: \"test-failover\", pid: $$}]"
	run "$FTCTL" disable vm0
	ends 0
	alive "$qemu_pid"
	state ".vms[0].pid = $qemu_pid"
	run "$FTCTL" disable vm0
	ends 0
	gone "$qemu_pid"
	# Handed over: the peer's copy is the guest now.
	[[ ! -e $BATS_TEST_TMPDIR/host2/requests ]]
}
