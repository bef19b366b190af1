#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# The consoles of a copy take no input until it is live, and are then as the
# command line has them.

load lib

setup() {
	host host1
	host host2
	here host1
}

# protected [ARGUMENTS]: a guest with these, and a copy of it on host2.
protected() {
	guest_with "$@"
	enable
	ends 0
}

# What QEMU of the copy was told to put behind its chardevs, one line for each time.
changes() {
	[[ ! -e $BATS_TEST_TMPDIR/host2/chardevs ]] || jq -cS . "$BATS_TEST_TMPDIR/host2/chardevs"
}

# shows ID FILE: the change to a console that only shows.
shows() {
	jq -cnS '{id: $id, backend: {type: "null", data: {logfile: $file, logappend: true}}}' \
		--arg id "$1" --arg file "$2"
}

# changed CHANGE...: these were made, in this order, and no others.
changed() {
	diff <(jq -cS . <<<"$*") <(changes) >&2
}

run_file() {
	echo "$BATS_TEST_TMPDIR/host2/run/vm0.$1"
}

watchers() {
	local -a copies=("$BATS_TEST_TMPDIR"/host2/proc/*)

	pgrep -f "watch-copy vm0 ($(IFS='|'; echo "${copies[*]##*/}"))\$"
}

no_watcher() {
	! watchers >/dev/null
}

nobody_watches() {
	until_true no_watcher
}

# has_become STATE: of host2's copy, which is told at once.
has_become() {
	here host2
	state ".vms[0].state = \"$1\""
	jq -c '.vms[0]' state.json >event
}

@test "console: until the copy is live it shows only, then it is as it was" {
	local socket='{server: true, wait: false, addr: {type: "unix", data: {path: "/c"}}}'

	protected -chardev socket,id=con,path=/c,server=on,wait=off -serial chardev:con
	says "console con on host2, until it is live: $(run_file con.log), no input"
	changed "$(shows con "$(run_file con.log)")"
	watchers

	here host2
	"$FTCTL" promote vm0
	nobody_watches
	changed "$(shows con "$(run_file con.log)")" \
		"$(jq -n "{id: \"con\", backend: {type: \"socket\", data: $socket}}")"
	grep "vm0: console con takes input now" "$(run_file watch)"
}

# anew: nothing is left of the guest, nor of its copy.
anew() {
	local pid

	here host1
	for pid in ../host?/proc/*; do
		kill -9 "${pid##*/}"
		until_true gone "${pid##*/}"
		rm -r "$pid"
	done
	state '.vms = []'
	rm "$BATS_TEST_TMPDIR/host2/chardevs"
}

# back_is ARGUMENTS -- ID DATA [TYPE]: what is put behind a console, in jq's words.
back_is() {
	local args=()

	while [[ $1 != -- ]]; do
		args+=("$1")
		shift
	done
	protected "${args[@]}"
	here host2
	"$FTCTL" promote vm0
	nobody_watches
	diff <(jq -cnS "{id: \"$2\", backend: {type: \"${4:-socket}\", data: $3}}") \
		<(changes | tail -n 1) >&2
	"$FTCTL" disable vm0
	anew
}

unix() {
	echo "addr: {type: \"unix\", data: {path: \"$1\"}}"
}

inet() {
	echo "addr: {type: \"inet\", data: {host: \"$1\", port: \"$2\"}}"
}

@test "console: all ways to say where it is" {
	local server='server: true, wait: false'

	back_is -serial unix:/a,,b,server=on,wait=off -- serial0 "{$server, $(unix /a,b)}"
	back_is --serial unix:path=/a,server,nowait -- serial0 "{$server, $(unix /a)}"
	back_is -serial none -serial file:/f -serial tcp::4000,server=on,nodelay=on -- \
		serial2 "{$server, nodelay: true, $(inet '' 4000)}"
	back_is -serial telnet:192.0.2.1:23,server=on,wait=off -- \
		serial0 "{$server, telnet: true, $(inet 192.0.2.1 23)}"
	back_is -chardev pty,id=p,path=/p,logfile=/l -device pci-serial,chardev=p -- \
		p '{path: "/p", logfile: "/l", logappend: true}' pty
	back_is -chardev pipe,id=p,path=/p -device '{"driver":"isa-serial","chardev":"p"}' -- \
		p '{device: "/p"}' pipe
	back_is -serial /dev/ttyS1 -- serial0 '{device: "/dev/ttyS1"}' serial
}

@test "console: nobody is waited for when it is put back" {
	back_is -serial unix:/a,server=on,wait=on -- serial0 \
		"{server: true, wait: false, $(unix /a)}"
	back_is -serial tcp:h:1 -- serial0 \
		"{server: false, \"reconnect-ms\": 1000, $(inet h 1)}"
	back_is -serial tcp:h:1,reconnect=7 -- serial0 \
		"{server: false, \"reconnect-ms\": 7000, $(inet h 1)}"
}

@test "console: a log file of its user's is the one that shows it" {
	protected -chardev pty,id=con,logfile=/l -serial chardev:con
	says "console con on host2, until it is live: /l, no input"
	changed "$(shows con /l)"
	here host2
	"$FTCTL" promote vm0
	nobody_watches
	grep "console con takes input now, at /dev/pts/77" "$(run_file watch)"
}

@test "console: what takes no input is left as it is, and so are other chardevs" {
	protected -serial null -serial file:/f -serial stdio -serial mon:stdio -serial none \
		-chardev socket,id=mon,path=/m,server=on,wait=off -mon chardev=mon \
		-chardev socket,id=out,path=/o,server=on,wait=off -device isa-debugcon,chardev=out
	changed
	no_watcher
	[[ $output != *console* ]]
}

@test "console: what could not be put back is left as it is, and told" {
	protected -serial udp:192.0.2.1:9 -serial mon:unix:/m,server=on -serial pty \
		-chardev socket,id=new,path=/n,server=on,from-the-future=on -serial chardev:new \
		-chardev pty,id=mux,mux=on -serial chardev:mux
	for id in serial0 serial1 new mux; do
		says "ftctl: enable: console $id on host2 takes input, type nothing there: "
	done
	says "(udp) is left as it is"
	changed "$(shows serial2 "$(run_file serial2.log)")"
}

@test "console: what QEMU does not give up is left as it is, and told" {
	qemu_says host2 '{"errors": {"chardev-change": "no hotswap of this one"}}'
	protected -serial pty
	says "console serial0 on host2 takes input, type nothing there: QEMU refuses chardev-change: no hotswap of this one"
	no_watcher
}

@test "console: QEMU of the copy ends in the midst of it" {
	guest_with -serial pty
	qemu_says host2 '{"die": "chardev-change"}'
	enable
	ends 1
	says "told to die at chardev-change"
	as_before
	no_watcher
}

@test "console: a failure later leaves no file of it" {
	guest_with -serial pty
	qemu_says host2 '{"die": "cont"}'
	enable
	ends 1
	as_before
	no_watcher
}

@test "console: enable -j prints no sentence about it" {
	guest_with -serial pty
	run "$FTCTL" -j enable vm0 --peer host2 --addr 127.0.0.1 --peer-addr 127.0.0.1
	ends 0
	field .state running
}

@test "console: disable, and whatever else drops a copy, puts nothing back" {
	protected -serial pty
	"$FTCTL" disable vm0
	nobody_watches
	[[ -z $(ls "$BATS_TEST_TMPDIR/host2/run") ]]
	enable
	ends 0
	has_become dropped
	nobody_watches
	[[ $(changes | grep -c pty) == 0 ]]
}

@test "console: a copy whose QEMU ends is not watched any more" {
	protected -serial pty
	here host2
	kill -9 "$(echo proc/* | tr -dc 0-9)"
	nobody_watches
	[[ $(changes | grep -c pty) == 0 ]]
}

@test "console: a copy that waits for a decision takes no input" {
	protected -serial pty
	has_become need-decision
	has_become going-live
	watchers
	[[ $(changes | grep -c pty) == 0 ]]
	has_become need-secondary
	nobody_watches
	[[ $(changes | grep -c pty) == 1 ]]
}

@test "console: one that went live unseen is put back: disabled, or protected anew" {
	protected -serial pty
	here host2
	state '.vms = []'
	echo '{"name": "other", "state": "running"}' >event
	nobody_watches
	[[ $(changes | grep -c pty) == 1 ]]
	anew
	protected -serial pty
	here host2
	state '.vms[0].role = "primary"'
	has_become running
	nobody_watches
	[[ $(changes | grep -c pty) == 1 ]]
}

# The monitor answers nobody else.
hold_monitor() {
	mkfifo "$BATS_TEST_TMPDIR/hold"
	socat - "unix:$BATS_TEST_TMPDIR/host2/vm0.qmp" <"$BATS_TEST_TMPDIR/hold" >/dev/null 3>&- &
	echo $! >>"$BATS_TEST_TMPDIR/pids"
	exec 9>"$BATS_TEST_TMPDIR/hold"
	echo '{"execute":"qmp_capabilities"} {"execute":"query-kvm"}' >&9
	until_true grep -q query-kvm "$BATS_TEST_TMPDIR/host2/qmp.log"
}

@test "console: the monitor is waited for" {
	protected -serial pty
	hold_monitor
	here host2
	"$FTCTL" promote vm0
	watchers
	[[ $(changes | grep -c pty) == 0 ]]
	exec 9>&-
	nobody_watches
	[[ $(changes | grep -c pty) == 1 ]]
}

@test "console: what is refused is tried again, and it alone" {
	protected -serial pty -serial unix:/a,server=on,wait=off
	qemu_says host2 '{"errors": {"chardev-change": "Address already in use"}}'
	here host2
	"$FTCTL" promote vm0
	# Each of them once until it is live, and once when it is; then the second time.
	until_true bash -c '[[ $(grep -c chardev-change qmp.log) -gt 6 ]]'
	qemu_says host2 '{}'
	nobody_watches
	[[ $(changes | grep -c pty) == 1 ]]
	[[ $(changes | grep -c '"/a"') == 1 ]]
}

@test "console: a file of ours does not grow for ever" {
	protected -serial pty
	truncate -s 5M "$(run_file serial0.log)"
	has_become running
	until_true bash -c "! test -s '$(run_file serial0.log)'"
}
