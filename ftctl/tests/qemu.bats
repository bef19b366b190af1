#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# Which QEMU is meant, and how it is talked to. Seen through enable, which
# stops at the first thing that is wrong: emulation, after the monitor answered.

load lib

setup() {
	host host1
	here host1
	qemu_says host1 '{"returns": {"query-kvm": {"enabled": false}}}'
}

# The monitor was reached, for the VM of this name.
reached() {
	run "$FTCTL" enable "$1" --peer host2
	ends 1
	says "the guest is emulated"
}

@test "names: -name X, --name X, guest=X, with options around, with commas" {
	local n=0 args

	for args in 'a' 'b,debug-threads=on' 'guest=c' 'debug-threads=on,guest=d' \
		    'guest=e,,f'; do
		n=$((n + 1))
		qemu -name "$args" -qmp "unix:$BATS_TEST_TMPDIR/$n.qmp,server=on,wait=off"
	done
	qemu --name g -qmp "unix:$BATS_TEST_TMPDIR/g.qmp,server=on,wait=off"
	for args in a b c d e,f g; do
		reached "$args"
	done
	run "$FTCTL" enable guest --peer host2
	says "no QEMU on this host runs a VM called 'guest'"
}

@test "a process that only mentions the name is not taken for it" {
	bash -c 'exec -a qemu-system-x86_64 sleep 600' -name vm0 3>&- &
	echo $! >>"$BATS_TEST_TMPDIR/pids"
	ln -s "/proc/$!" "$FTCTL_TEST_DIR/proc/$!"
	run "$FTCTL" enable vm0 --peer host2
	ends 1
	says "no QEMU on this host"
}

@test "monitor: -chardev and -mon, beside one for people" {
	qemu -name vm0 -chardev stdio,id=hmp -mon chardev=hmp,mode=readline \
		-chardev "socket,id=q,path=$BATS_TEST_TMPDIR/q.sock,server=on,wait=off" \
		-mon chardev=q,mode=control
	reached vm0
}

@test "monitor: a path relative to QEMU's working directory" {
	qemu -name vm0 -qmp unix:rel.qmp,server=on,wait=off
	cd /
	reached vm0
}

@test "monitor: libvirt's, through virsh" {
	domain
	reached vm0
	grep -qx -- "-q -c qemu:///system qemu-monitor-command $UUID {\"execute\":\"query-kvm\"}" \
		"$FTCTL_TEST_DIR/virsh.log"
}

@test "monitor: nobody listens" {
	qemu -name vm0 -qmp "unix:$BATS_TEST_TMPDIR/q.sock,server=on,wait=off"
	rm "$BATS_TEST_TMPDIR/q.sock"
	run "$FTCTL" enable vm0 --peer host2
	ends 1
	says "q.sock: No such file or directory"
}

@test "monitor: what QEMU refuses is told" {
	qemu -name vm0 -qmp "unix:$BATS_TEST_TMPDIR/q.sock,server=on,wait=off"
	qemu_says host1 '{"errors": {"query-kvm": "not at home"}}'
	run "$FTCTL" enable vm0 --peer host2
	ends 1
	says "QEMU refuses query-kvm: not at home"
}

@test "monitor: QEMU ends in the midst of it" {
	qemu -name vm0 -qmp "unix:$BATS_TEST_TMPDIR/q.sock,server=on,wait=off"
	qemu_says host1 '{"die": "query-kvm"}'
	run "$FTCTL" enable vm0 --peer host2
	ends 1
	says "query-kvm: QEMU closed its monitor"
}

@test "the peer's end: nonsense is refused, and the conversation goes on" {
	run bash -c "printf '%s\n' 'not json' '{\"op\":\"dance\"}' \
		'{\"op\":\"hello\",\"protocol\":99}' '{\"op\":\"hello\",\"protocol\":6}' \
		'{\"op\":\"cont\"}' '{\"op\":\"prepare\"}' '{\"op\":\"check\",\"wwpns\":7}' \
		'{\"op\":\"check\",\"wwpns\":[null,\"../x\"]}' | '$FTCTL' peer"
	ends 0
	[[ ${#lines[@]} == 8 ]]
	for n in 0 1 2 4 5; do
		[[ $(jq .ok <<<"${lines[n]}") == false ]]
		jq -e '.error | length > 0' <<<"${lines[n]}"
	done
	jq -e '.ok and .version.module == "9.8.7" and (.addresses | length > 0)' <<<"${lines[3]}"
	run "$FTCTL" peer argument
	ends 2
}
