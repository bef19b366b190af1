#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# Guests that libvirt runs: the copy is made by the peer's libvirt, and whatever fails,
# nothing is left there.

load lib

setup() {
	host host1
	host host2
	here host1
}

virsh_calls() {
	sed 's/^-q -c qemu:\/\/\/system //; s/ .*//' "$BATS_TEST_TMPDIR/$1/virsh.log" | uniq |
		grep -vx qemu-monitor-command | paste -sd' '
}

copy_pid() {
	local link

	for link in "$BATS_TEST_TMPDIR"/host2/proc/*; do
		alive "${link##*/}" && echo "${link##*/}"
	done
}

# refuses HOST COMMAND REASON: libvirt there does.
refuses() {
	echo "$2 $3" >"$BATS_TEST_TMPDIR/$1/libvirt.no"
}

# The guest runs here unprotected, and there is no domain on the peer.
domain_as_before() {
	[[ -z $(copy_pid) ]]
	[[ -z $(ls "$BATS_TEST_TMPDIR/host2/run") ]]
	[[ $(jq -c .vms "$BATS_TEST_TMPDIR/host1/state.json") == '[]' ]]
	# shellcheck disable=SC2154
	alive "$qemu_pid"
	output=$(virsh -q -c qemu:///system qemu-monitor-command "$UUID" \
		'{"execute": "query-status"}')
	field .return.status running
}

@test "libvirt: the peer's makes the copy, of what the one here says of the guest" {
	domain -add-fd set=0,fd=16,opaque=serial0-source
	enable
	ends 0
	says "vm0 is protected: primary here, secondary on host2"
	[[ $(virsh_calls host1) == dumpxml ]]
	[[ $(virsh_calls host2) == "uri create" ]]
	grep -qx -- "-q -c qemu:///system dumpxml --migratable --security-info $UUID" \
		"$BATS_TEST_TMPDIR/host1/virsh.log"
	grep -q -- '-q -c qemu:///system create --paused /proc/self/fd/0' \
		"$BATS_TEST_TMPDIR/host2/virsh.log"
	diff - "$BATS_TEST_TMPDIR/host2/created.xml" <<-XML
	<domain type='kvm'>
	  <name>vm0</name>
	  <uuid>$UUID</uuid>
	  <metadata><x><domain>mine</domain></x></metadata>
	  <devices/>
	  <qemu:commandline xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
	    <qemu:arg value='-incoming'/>
	    <qemu:arg value='defer'/>
	  </qemu:commandline>
	</domain>
	XML
	[[ $(grep -vx qmp_capabilities "$BATS_TEST_TMPDIR/host2/qmp.log" | paste -sd' ') == \
		*"migrate-incoming query-migrate query-status"*"cont" ]]
	output=$(grep vm-attach "$BATS_TEST_TMPDIR/host2/requests")
	field .pid "$(copy_pid)"
}

@test "libvirt: the copy of a copy waits for one guest only" {
	domain
	sed -i "s:<devices/>:&\n  <qemu\:commandline>\n    <qemu\:arg value='-incoming'/>\n    <qemu\:arg value='defer'/>\n    <qemu\:arg value='-mine'/>\n  </qemu\:commandline>:" \
		domain.xml
	enable
	ends 0
	[[ $(grep -c -- "'-incoming'" "$BATS_TEST_TMPDIR/host2/created.xml") == 1 ]]
	[[ $(grep -c "'defer'" "$BATS_TEST_TMPDIR/host2/created.xml") == 1 ]]
	tr '\0' ' ' <"/proc/$(copy_pid)/cmdline" | grep -- ' -mine -incoming defer $'
}

@test "libvirt: none on the peer, check says so and enable does not begin" {
	domain
	refuses host2 uri "no socket"
	run "$FTCTL" check vm0 --peer host2
	ends 1
	says "host2: libvirt: uri does not go: no socket"
	enable
	ends 1
	says "checking the guest and both hosts: host2: libvirt: uri does not go: no socket"
	domain_as_before
}

@test "libvirt: it does not tell what the guest is" {
	domain
	refuses host1 dumpxml "it is late"
	enable
	ends 1
	says "starting QEMU on the peer: libvirt: dumpxml does not go: it is late"
	domain_as_before
	rm libvirt.no
	: >domain.xml
	enable
	ends 1
	says "starting QEMU on the peer: libvirt does not describe the domain"
	domain_as_before
}

@test "libvirt: the peer's refuses the copy" {
	domain
	refuses host2 create "there is another domain of this name"
	enable
	ends 1
	says "host2: libvirt: create does not go: there is another domain of this name"
	[[ $(virsh_calls host2) == "uri create" ]]
	domain_as_before
}

@test "libvirt: a later step fails, and the copy's domain is ended" {
	domain
	here host2
	state '.digest.irqchip = "0x33"'
	here host1
	enable
	ends 1
	says "what differs: irqchip"
	[[ $(virsh_calls host2) == "uri create destroy" ]]
	domain_as_before
}

@test "libvirt: the copy's QEMU ends while it starts" {
	domain
	qemu_says host2 '{"die": "migrate-incoming"}'
	enable
	ends 1
	says "starting QEMU on the peer: host2: migrate-incoming: libvirt: the monitor was closed"
	domain_as_before
}

@test "libvirt: disable has the peer's end the domain" {
	domain
	enable
	ends 0
	run "$FTCTL" disable vm0
	ends 0
	[[ $(virsh_calls host2) == "uri create destroy" ]]
	domain_as_before
}

@test "libvirt: no virsh is here" {
	domain
	ln -s "$TOP/build/bin" bin
	PATH=$FTCTL_TEST_DIR/bin run "$FTCTL" enable vm0 --peer host2
	ends 1
	says "cannot run virsh"
}

@test "libvirt: of a pty it remembers where it is, so it stays" {
	domain
	sed -i "s:<devices/>:&\n<qemu\:arg value='-chardev'/>\n<qemu\:arg value='pty,id=c'/>\n<qemu\:arg value='-serial'/>\n<qemu\:arg value='chardev\:c'/>:" domain.xml
	enable
	ends 0
	says "console c on host2 takes input, type nothing there: a chardev like this (pty) is left as it is"
	[[ ! -e $BATS_TEST_TMPDIR/host2/chardevs ]]
}

# Of both hosts' libvirt the descriptors come in no order.
@test "libvirt: NICs, whose taps and vhosts it opened" {
	domain -netdev '{"type":"tap","fd":"40","vhost":true,"vhostfd":"45","id":"hostnet0"}' \
		-device virtio-net-pci,netdev=hostnet0,id=net0,mac=52:54:00:00:00:01 \
		-netdev '{"type":"tap","fd":"41","vhost":true,"vhostfd":"42","id":"hostnet1"}' \
		-device virtio-net-pci,netdev=hostnet1,id=net1,mac=52:54:00:00:00:02
	enable
	ends 0
	[[ $(devices host1 | jq -c '[.[] | {ifindex, mac}]') == \
		'[{"ifindex":141,"mac":"52:54:00:00:00:02"},{"ifindex":140,"mac":"52:54:00:00:00:01"}]' ]]
}
