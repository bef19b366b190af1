#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# Does the bed itself do what its README says?  It runs without anything of
# kvm_ft: the tree it builds from holds a module that does nothing.

setup_file() {
	export BED=bedtest$$
	export BED_TREE=$BATS_FILE_TMPDIR/tree
	export PATH=$BATS_TEST_DIRNAME:$PATH

	mkdir -p "$BED_TREE"
	cp -r "$BATS_TEST_DIRNAME"/test-tree/. "$BED_TREE"
	bed up 3
}

teardown_file() {
	bed down
}

# Power on again what a test has left dead.
setup() {
	local n

	for n in 1 2; do
		bed status | grep -q "host$n: dead" && bed start "host$n"
	done
	bed link log host1 clear
}

@test "a host runs commands and gives their exit codes" {
	run bed run host1 'exit 7'
	[ "$status" -eq 7 ]
	run bed run host2 hostname
	[ "$output" = host2 ]
	run bed run host1 printf '%s|' 'a b' "c'd"
	[ "$output" = "a b|c'd|" ]
}

@test "standard output and error come apart, input goes in" {
	[ "$(bed run host1 'echo out; echo err >&2' 2>/dev/null)" = out ]
	[ "$(bed run host1 'echo out; echo err >&2' 2>&1 >/dev/null)" = err ]
	[ "$(echo in | bed run host1 cat)" = in ]
}

@test "files and folders are copied both ways" {
	local dir=$BATS_TEST_TMPDIR

	mkdir "$dir/d"
	head -c 300000 /dev/urandom >"$dir/d/f"
	bed put host1 "$dir/d" /tmp/d
	bed get host1 /tmp/d/f "$dir/g"
	cmp "$dir/d/f" "$dir/g"
}

@test "the kernel has AMD's counters, and KVM with nested paging" {
	bed run host1 'dmesg | grep -q "Fam17h+ core perfctr, AMD PMU driver"'
	[ "$(bed run host1 cat /sys/module/kvm_amd/parameters/npt)" = Y ]
	[ "$(bed run host1 cat /sys/module/kvm/parameters/enable_pmu)" = N ]
}

@test "the project's module was built by DKMS and loads" {
	bed run host1 'modprobe bed_dummy && grep -q ^bed_dummy /proc/modules'
}

@test "hosts reach each other by name" {
	[ "$(bed run host1 ssh host2 hostname)" = host2 ]
	[ "$(bed run host2 ssh host3-log hostname)" = host3 ]
	[ "$(bed run host3 ssh host1-log hostname)" = host1 ]
	# What follows needs two.
	bed kill host3
}

# Until it is answered, however long that takes.
ping_log() {
	bed run host1 'ping -q -c 3 -i 0.2 -w 1000 host2-log' >/dev/null
}

no_ping_log() {
	bed run host1 'ping -q -c 3 -i 0.2 -W 1 host2-log; [ $? -eq 1 ]' >/dev/null
}

@test "a link is cut, in one direction too, and mended" {
	local how

	ping_log
	for how in down down-in down-out; do
		bed link log host2 $how
		no_ping_log
		bed run host1 'ping -q -c 1 -w 1000 host2' >/dev/null
		bed link log host2 up
		ping_log
	done
}

@test "a one-way cut lets the other way through" {
	bed run host2 'nohup tcpdump -l -n -i log icmp >/tmp/icmp 2>/dev/null &
		sleep 2'
	bed link log host2 down-out
	no_ping_log
	bed run host2 'sleep 1; grep -q "echo request" /tmp/icmp; rc=$?
		kill %1 2>/dev/null; pkill tcpdump; exit $rc'
	bed link log host2 up
}

@test "an impaired link shows delay, and loss" {
	bed link log host1 delay 300ms
	bed run host1 'ping -q -c 3 -w 1000 host2-log' |
		awk -F/ '/^rtt/ { slow = $5 >= 300 } END { exit !slow }'
	bed link log host1 loss 100%
	no_ping_log
	bed link log host1 clear
	ping_log
}

@test "a guest boots under KVM, talks on its console, has its branches counted" {
	bed run host1 guest-start t0
	bed run host1 'until grep -q "guest: ready" /run/t0.console.log
		do sleep 0.2; done'
	bed run host1 'until grep -q x42x /run/t0.console.log; do
			echo "echo x\$((6*7))x"; sleep 1
		done | socat -u - UNIX-CONNECT:/run/t0.console'
	bed run host1 'printf "%s\n" "{\"execute\":\"qmp_capabilities\"}" \
			"{\"execute\":\"query-status\"}" |
		socat -t5 - UNIX-CONNECT:/run/t0.qmp' | grep running
	bed run host1 '/usr/lib/kvm_ft/guest/count-branches $(cat /run/t0.pid)'
	bed run host1 guest-stop t0
}

@test "a guest with a network card is reached from outside of the hosts" {
	bed run host1 'GUEST_NIC=1 GUEST_CMDLINE=kvm_ft.ip=10.77.2.100 guest-start t1'
	bed run host1 'until grep -q "guest: ready" /run/t1.console.log
		do sleep 0.2; done'
	bed net -w host1 ping -q -c 3 -w 1000 10.77.2.100
	bed run host2 ping -q -c 3 -w 1000 10.77.2.100
	bed link lan host1 down-out
	run bed net ping -q -c 2 -W 1 10.77.2.100
	[ "$status" -eq 1 ]
	bed link lan host1 up
	bed net -w host1 ping -q -c 3 -w 1000 10.77.2.100
	bed run host1 guest-stop t1
	bed run host1 '! ip link show tap-t1'
}

@test "a limit in CPU time ends a busy command" {
	run bed run -t 2 host1 'while :; do :; done'
	[ "$status" -eq 124 ]
	bed run host1 'pkill -f "[w]hile :" || true'
}

@test "a killed host ends its command and is started again" {
	local pid rc=0

	bed run host2 'sleep 1000' &
	pid=$!
	bed run host2 'until pgrep -x sleep; do sleep 0.2; done'
	bed kill host2
	wait $pid || rc=$?
	[ "$rc" -eq 125 ]
	run bed run host2 true
	[ "$status" -eq 125 ]
	bed status | grep 'host2: dead'
	bed start host2
	bed run host2 true
}

@test "a crash ends the command with the console's log, and check fails" {
	bed check
	run bed run host1 'echo c >/proc/sysrq-trigger'
	echo "$output"
	[ "$status" -eq 125 ]
	[[ $output == *"sysrq triggered crash"* ]]
	run bed check
	[ "$status" -ne 0 ]
	echo 'sysrq|Kernel panic|Oops' >"$BATS_TEST_TMPDIR/allow"
	BED_ALLOW=$BATS_TEST_TMPDIR/allow bed check
}

@test "a bed is put up again only when nobody is left of it" {
	run bed up 2
	[ "$status" -ne 0 ]
	[[ $output == *"is up already"* ]]
	bed kill host1
	run bed up 2
	[ "$status" -ne 0 ]
	bed kill host2
	# A number that has gone to another process since.
	echo $$ >"/run/kvm_ft-bed/$BED/host2/pid"
	bed up 2
	bed run host2 true
}
