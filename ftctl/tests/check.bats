#!/usr/bin/env bats
# shellcheck disable=SC2154 # qemu_pid is lib.bash's
# SPDX-License-Identifier: GPL-2.0
#
# Network cards: what is told of them, to check and to the module; and check.

load lib

setup() {
	host host1
	host host2
	here host1
}

# nics N...: a guest with these NICs, see nic() in lib.bash.
nics() {
	local n
	local -a args

	for n; do
		readarray -t -O ${#args[@]} args < <(nic "$n")
	done
	guest_with "${args[@]}"
}

check() {
	run "$FTCTL" check vm0 "$@"
}

# refused SENTENCE: as the only obstacle, and by enable, which leaves the peer alone.
refused() {
	obstacles "$1"
	enable
	ends 1
	says "$1"
	[[ ! -e $BATS_TEST_TMPDIR/host2/requests ]]
}

@test "check: a guest that can be protected" {
	guest vm0
	check
	ends 0
	[[ $output == "vm0 can be protected" ]]
	check --peer host2
	ends 0
	[[ $output == "vm0 can be protected by host2" ]]
	run "$FTCTL" check -j vm0 --peer host2
	ends 0
	field -c '.' '{"name":"vm0","peer":"host2","protectable":true,"obstacles":[]}'
	# Only looked.
	[[ $(requests host1 | tr ' ' '\n' | sort -u | paste -sd' ') == "version-get vm-get" ]]
	[[ $(requests host2 | tr ' ' '\n' | sort -u | paste -sd' ') == "version-get vm-get" ]]
	[[ $(commands host1) != *migrate-set* && $(commands host1) != *cont* ]]
}

@test "check: all that stands in the way is told" {
	qemu_says host1 '{"returns": {"query-cpus-fast": [{}, {}], "query-block": [
		{"device": "hd0", "inserted": {}}, {"device": "hd1", "inserted": {}}],
		"query-migrate": {"blocked-reasons": ["one", "another"]},
		"query-status": {"status": "paused"}}}'
	guest_with -device e1000,id=old,netdev=x -netdev user,id=x \
		-device virtio-balloon-pci,id=b0 -device intel-iommu
	state 'del(.version.vendor)'
	obstacles "does not support this host's processor" "2 processors" "'hd0'" "'hd1'" \
		"'b0' (virtio-balloon-pci) cannot be protected yet: leave it out (libvirt: <memball" \
		"(intel-iommu)" "NIC 'old' is of type e1000" \
		"one" "another" "'paused'"
	check
	ends 1
	says "vm0 cannot be protected:"
	says "  - disk 'hd1' cannot be protected yet"
}

@test "check: no such VM, a VM that is protected, one that needs a secondary" {
	check
	ends 1
	says "no QEMU on this host runs a VM called 'vm0'"
	guest vm0
	state '.vms = [{name: "vm0", role: "primary", state: "running", reason: "none"}]'
	obstacles "it is protected already: its state is running"
	state '.vms[0].state = "need-secondary"'
	check
	ends 0
}

@test "check: what cannot be looked at does not hide the rest" {
	qemu -name vm0
	state '.module = false'
	obstacles "modprobe kvm_ft" "-qmp unix:PATH"
}

@test "check --peer: what the other host has, or has not" {
	peer_too host2
	nics 1
	here host2
	qemu -name other -netdev tap,id=z,ifname=tap1 -device e1000,netdev=z,mac=52:54:00:00:00:01
	state '.version.vendor = "vmx" | .version["wire-min"] = 3 | .version["wire-max"] = 4'
	here host1
	obstacles "svm here, vmx on host2" "do not understand each other" \
		"host2: tap 'tap1' is in use there, by process $qemu_pid" \
		"host2: VM 'other' there has a NIC of the same address, 52:54:00:00:00:01"
	here host2
	state '.module = false'
	here host1
	obstacles "host2: the module kvm_ft is not loaded"
	run bash -c "'$FTCTL' check vm0 --peer nowhere 2>/dev/null"
	ends 1
	says "no answer from nowhere"
}

@test "check --peer: a VM of this name there, and the same tap of another name" {
	peer_too host2
	nics 1
	here host2
	qemu -name vm0 -netdev tap,id=z,ifname=tap1
	here host1
	obstacles "host2: a VM called 'vm0' runs here already, as process $qemu_pid"
	here host2
	state ".vms = [{name: \"vm0\", role: \"secondary\", state: \"dropped\",
		reason: \"divergence\", pid: $qemu_pid}]"
	here host1
	check --peer host2
	ends 0
}

@test "check --peer: a bridge that is missing there" {
	peer_too host2
	guest_with -netdev tap,id=n0,br=lan,helper=/x,vhost=on \
		-device virtio-net-pci,netdev=n0,id=net0
	obstacles "host2: there is no bridge 'lan'"
}

@test "enable: NICs are told to the module on both hosts" {
	# Their order differs in QEMU's answers; addresses are those the guest has set.
	qemu_says host1 '{"macs": {"net2": "52:54:00:aa:aa:aa"}}'
	nics 1 2
	enable
	ends 0
	want='[{"fd":"/memfd:vhost-net (deleted)","ifindex":101,"mac":"52:54:00:00:00:01"},'
	want+='{"fd":"/memfd:vhost-net (deleted)","ifindex":102,"mac":"52:54:00:aa:aa:aa"}]'
	[[ $(devices host1) == "$want" ]]
	# The copy's QEMU does not know yet what the guest has set.
	[[ $(devices host2) == "$want" ]]
}

@test "enable: a netdev in JSON" {
	guest_with -netdev '{"type":"tap","id":"n9","ifname":"tap9","vhost":true}' \
		-device virtio-net-pci,netdev=n9,mac=52:54:00:00:00:09
	enable
	ends 0
	[[ $(devices host1) == *'"ifindex":109,"mac":"52:54:00:00:00:09"'* ]]
}

@test "enable: a NIC without an id" {
	guest_with -netdev tap,id=n9,ifname=tap9,vhost=on \
		-device virtio-net-pci,netdev=n9,mac=52:54:00:00:00:09
	enable
	ends 0
	[[ $(devices host1) == *'"ifindex":109,"mac":"52:54:00:00:00:09"'* ]]
}

@test "enable: a tap without a name is that of the only NIC" {
	guest_with -netdev tap,id=n0,vhost=on,helper=/x \
		-device virtio-net-pci,netdev=n0,id=net0
	enable
	ends 0
	[[ $(devices host1) == *'"ifindex":107,'* ]]
}

@test "enable: without NICs the module is told of none" {
	guest vm0
	enable
	ends 0
	[[ $(devices host1) == '[]' ]]
	[[ $(devices host2) == '[]' ]]
}

@test "enable: what the module says of a device is told as such" {
	nics 1
	state '.refuse["vm-attach"] = {errno: 95, msg: "not a vhost", attr: "device"}'
	enable
	ends 1
	says "not a vhost (device: Operation not supported)"
}

@test "NIC: packed rings" {
	nics 0,packed=on
	refused "the packed rings of NIC 'net0' cannot be replayed: set packed=off"
}

@test "NIC: behind an IOMMU" {
	nics 0,iommu_platform=on
	refused "what NIC 'net0' reaches through an IOMMU cannot be replayed: set iommu_platform=off"
}

@test "NIC: connected to nothing, or to something else than a tap" {
	guest_with -device virtio-net-pci,id=net0,mac=52:54:00:00:00:01
	refused "NIC 'net0' is connected to nothing"
	guest_ends
	guest_with -netdev user,id=n0 -device virtio-net-pci,id=net0,netdev=n0
	refused "NIC 'net0' is connected to 'n0' (user): connect it to a tap"
}

@test "NIC: without vhost" {
	local off

	for off in '' ,vhost=off; do
		guest_with -netdev tap,id=n0,ifname=tap0$off \
			-device virtio-net-pci,id=net0,netdev=n0
		refused "NIC 'net0' is served by QEMU itself: set vhost=on on -netdev n0"
		guest_ends
	done
}

@test "NIC: vhost asked for, and not to be had" {
	qemu_says host1 '{"no_vhost": true}'
	nics 0
	refused "vhost serves 0 NICs of 1, though vhost=on is said"
}

@test "NIC: more than one pair of queues; mq=on with one is none" {
	guest_with -netdev tap,id=n0,ifname=tap0,vhost=on,queues=3 \
		-device virtio-net-pci,id=net0,netdev=n0,mq=on
	refused "NIC 'net0' has 3 pairs of queues: set queues=1 on -netdev n0"
	guest_ends
	nics 0,mq=on
	check
	ends 0
}

@test "NIC: several, whose taps have no names" {
	guest_with -netdev tap,id=n0,vhost=on,helper=/x -netdev tap,id=n1,vhost=on,helper=/x \
		-device virtio-net-pci,netdev=n0,id=net0 \
		-device virtio-net-pci,netdev=n1,id=net1
	obstacles "which tap NIC 'net0' has" "which tap NIC 'net1' has"
}

@test "NIC: made by -nic, which no copy can be told apart by" {
	qemu_says host1 '{"returns": {"human-monitor-command":
		"virtio-net-pci.0: index=0,type=nic,model=virtio-net-pci,macaddr=x\r\n \\ #net1: index=0,type=tap,ifname=tap0\r\n"}}'
	guest_with -nic tap,model=virtio-net-pci,vhost=on
	refused "NIC 'virtio-net-pci.0' was not made by -device and -netdev"
}
