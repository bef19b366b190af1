# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: GPL-2.0
#
# Made-up hosts to test ftctl on. A host is a folder below BATS_TEST_TMPDIR:
#
#   host1/                 host2/
#     kernel  <- ftctl       kernel  <- ftctl peer
#     proc/   -> QEMU        proc/   -> QEMU
#                 '--- TCP: migration ---'
#
# tests/platform.c makes ftctl look there, FTCTL_TEST_DIR says which is "here".
# The hosts share one file system, except for what is below /proc/self/cwd: ftctl
# and QEMU of a host run in its folder.

TOP=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
export TOP FTCTL=$TOP/build/ftctl-test
export PATH=$TOP/build/bin:$TOP/tests/bin:$PATH

# host NAME: a host with the module loaded and no VM.
host() {
	local dir=$BATS_TEST_TMPDIR/$1

	mkdir -p "$dir/proc" "$dir/run"
	cat >"$dir/state.json" <<-'JSON'
	{
		"version": { "module": "9.8.7", "wire-min": 1, "wire-max": 2,
			"vendor": "svm", "heartbeat-ms": 50, "timeout-ms": 200,
			"log-size": 16777216 },
		"vms": [],
		"digest": { "regs": "0xffffffffffffffff", "ram": "0x2", "irqchip": "0x3" }
	}
	JSON
	python3 "$TOP/tests/kernel.py" "$TOP/build/spec.json" "$dir" \
		2>"$dir/kernel.err" 3>&- &
	echo $! >>"$BATS_TEST_TMPDIR/pids"
	disown
	until_true test -S "$dir/kernel"
}

# here NAME: ftctl runs on this host.
here() {
	export FTCTL_TEST_DIR=$BATS_TEST_TMPDIR/$1
	cd "$FTCTL_TEST_DIR" || return
}

# until_true COMMAND: come back when it succeeds, or fail after many tries.
until_true() {
	local i

	for ((i = 0; i < 600; i++)); do
		"$@" 2>/dev/null && return
		sleep 0.05
	done
	echo "never true: $*" >&2
	return 1
}

# state JQ-FILTER: change what the module of this host answers.
state() {
	jq "$1" "$FTCTL_TEST_DIR/state.json" >"$FTCTL_TEST_DIR/state.new"
	mv "$FTCTL_TEST_DIR/state.new" "$FTCTL_TEST_DIR/state.json"
}

# qemu_says HOST JSON: change what QEMU of that host answers.
qemu_says() {
	printf '%s\n' "$2" >"$BATS_TEST_TMPDIR/$1/qemu.json"
}

# qemu ARGUMENTS: a QEMU on this host, with its monitor where -qmp says.
qemu() {
	"$TOP/build/qemu-system-test" "$@" 2>"$FTCTL_TEST_DIR/qemu.err" 3>&- &
	qemu_pid=$!
	echo $qemu_pid >>"$BATS_TEST_TMPDIR/pids"
	disown
	until_true test -e "$FTCTL_TEST_DIR/proc/$qemu_pid"
}

# guest NAME: a guest on this host as enable wants it.
guest() {
	qemu -name "$1" -machine pc,smm=off -daemonize -pidfile "/proc/self/cwd/$1.pid" \
		-qmp "unix:/proc/self/cwd/$1.qmp,server=on,wait=off"
}

UUID=01234567-89ab-cdef-0123-456789abcdef

# domain [ARGUMENTS]: a guest on this host as libvirt runs it, called vm0.
domain() {
	cat >"$FTCTL_TEST_DIR/domain.xml" <<-XML
	<domain type='kvm'>
	  <name>vm0</name>
	  <uuid>$UUID</uuid>
	  <metadata><x><domain>mine</domain></x></metadata>
	  <devices/>
	</domain>

	XML
	qemu -name guest=vm0,debug-threads=on -machine pc,smm=off -uuid $UUID \
		-chardev socket,id=charmonitor,fd=24,server=on,wait=off \
		-mon chardev=charmonitor,id=monitor,mode=control "$@"
}

# nic N[,OPTION...]: the arguments that give a guest a NIC as enable wants it.
nic() {
	local n=${1%%,*}

	printf '%s\n' -netdev "tap,id=n$n,ifname=tap$n,vhost=on" \
		-device "virtio-net-pci,id=net$n,netdev=n$n,mac=52:54:00:00:00:0$n${1#"$n"}"
}

# lun HOST [LUN]: a LUN on a block device of that host, as a guest's disk has them.
lun() {
	local dir=$BATS_TEST_TMPDIR/$1 n=${2:-0}
	local tpg=$dir/target/vhost/naa.5001405000000001/tpgt_1
	local store=$dir/target/core/iblock_0/disk$n

	mkdir -p "$tpg/lun/lun_$n/statistics" "$store/wwn" "$store/attrib" \
		"$dir/block/254:3$n/queue" "$dir/dev"
	echo naa.5001405000000002 >"$tpg/nexus"
	ln -s "../../../../../core/iblock_0/disk$n" "$tpg/lun/lun_$n/link"
	printf 'Status: ACTIVATED  Max Queue Depth: 128  SectorSize: 512\n        %s\n        %s\n' \
		"iBlock device: vdc  UDEV PATH: /dev/vdc  readonly: 0" \
		"Major: 254 Minor: 3$n  CLAIMED: IBLOCK" >"$store/info"
	echo "T10 VPD Unit Serial Number: serial-$n" >"$store/wwn/vpd_unit_serial"
	echo LIO-ORG >"$store/wwn/vendor_id"
	echo IBLOCK >"$store/wwn/product_id"
	echo 512 >"$store/attrib/block_size"
	echo 8192 >"$store/attrib/hw_max_sectors"
	echo 8388607 >"$store/attrib/unmap_granularity"
	for a in tpu tpws write_cache; do
		echo 0 >"$store/attrib/emulate_$a"
	done
	echo 524288 >"$dir/block/254:3$n/size"
	echo "write back" >"$dir/block/254:3$n/queue/write_cache"
	printf 'MAJOR=254\nMINOR=3%s\nDEVNAME=disk%s\nDEVTYPE=disk\n' "$n" "$n" \
		>"$dir/block/254:3$n/uevent"
	echo "on LUN $n" >"$dir/dev/disk$n"
}

# guest_with ARGUMENTS: a guest as enable wants it, called vm0, and these.
guest_with() {
	qemu -name vm0 -machine pc,smm=off -qmp "unix:/proc/self/cwd/vm0.qmp,server=on,wait=off" \
		"$@"
}

# guest_ends: the guest started last does.
guest_ends() {
	kill -9 "$qemu_pid"
	until_true gone "$qemu_pid"
}

# The copies that ftctl has started on other hosts are nobody's children.
teardown() {
	local pid

	for pid in "$BATS_TEST_TMPDIR"/*/proc/[0-9]*; do
		echo "${pid##*/}" >>"$BATS_TEST_TMPDIR/pids"
	done
	[[ -e $BATS_TEST_TMPDIR/pids ]] || return 0
	while read -r pid; do
		[[ $pid == \[* ]] || kill -9 "$pid" 2>/dev/null || :
	done <"$BATS_TEST_TMPDIR/pids"
}

# says TEXT: the output holds it.
says() {
	[[ $output == *"$1"* ]] || {
		printf 'wanted: %s\ngot: %s\n' "$1" "$output" >&2
		return 1
	}
}

# ends CODE: the exit code was it.
ends() {
	[[ $status == "$1" ]] || {
		printf 'wanted exit code %s, got %s: %s\n' "$1" "$status" "$output" >&2
		return 1
	}
}

# field [-c] JQ-FILTER VALUE: the output is JSON, and has it.
field() {
	local got

	local -a raw=(-r)

	[[ $1 != -c ]] || { raw=(-rc); shift; }
	got=$(jq "${raw[@]}" "$1" <<<"$output")
	[[ $got == "$2" ]] || {
		printf '%s: wanted %s, got %s of %s\n' "$1" "$2" "$got" "$output" >&2
		return 1
	}
}

alive() {
	[[ -e /proc/$1/exe ]] && readlink "/proc/$1/exe" >/dev/null
}

# Not "! alive": bats takes that for success whatever comes of it.
gone() {
	if alive "$1"; then
		echo "process $1 is left: $(tr '\0' ' ' <"/proc/$1/cmdline")" >&2
		return 1
	fi
}

requests() {
	jq -r .cmd "$BATS_TEST_TMPDIR/$1/requests" | paste -sd' '
}

commands() {
	paste -sd' ' "$BATS_TEST_TMPDIR/$1/qmp.log"
}

# peer_too HOST: have obstacles() look at this peer as well.
peer_too() {
	options=(--peer "$1")
}

# enable [OPTIONS]: protect vm0, by addresses of this machine.
enable() {
	run "$FTCTL" enable vm0 --peer host2 --addr 127.0.0.1 --peer-addr 127.0.0.1 "$@"
}

# obstacles SENTENCE...: check of vm0 tells these, in this order, and no others.
obstacles() {
	local n=0 text

	run "$FTCTL" -j check vm0 "${options[@]}"
	ends 1
	field .protectable false
	field '.obstacles | length' $#
	for text; do
		output=$(jq -r ".obstacles[$n]" <<<"$output") says "$text"
		n=$((n + 1))
	done
}

# Devices that vm-attach told the module of a host.
devices() {
	grep vm-attach "$BATS_TEST_TMPDIR/$1/requests" | jq -cS '.device // []'
}

# Nothing is left on the peer, and the guest runs here, unprotected.
as_before() {
	local pid

	[[ $(jq -c '[.vms[] | select(.state != "dropped")]' \
		"$BATS_TEST_TMPDIR/host2/state.json") == '[]' ]]
	for pid in "$BATS_TEST_TMPDIR"/host2/proc/*; do
		gone "${pid##*/}"
	done
	[[ -z $(ls "$BATS_TEST_TMPDIR/host2/run") ]]
	[[ $(jq -c .vms "$BATS_TEST_TMPDIR/host1/state.json") == '[]' ]]
	[[ ! -e $BATS_TEST_TMPDIR/host1/run/vm0.json ]]
	alive "$qemu_pid"
	qmp_status_is running
}

qmp_status_is() {
	[[ $(printf '%s\n' '{"execute":"qmp_capabilities"}' '{"execute":"query-status"}' |
		socat -t2 - "unix:$BATS_TEST_TMPDIR/host1/vm0.qmp" |
		jq -r 'select(.return.status).return.status') == "$1" ]]
}
