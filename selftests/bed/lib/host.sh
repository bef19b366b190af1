# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# One emulated host: start, stop, what it has used, what its console says.
#
# $STATE/hostN/ holds pid, console (socket), console.log and qmp; $STATE/image
# what the hosts boot from.

# Divides the lives of a host in its console's log.
POWER_ON='--- power on ---'

host_number() {
	local n=${1#host}

	[[ $n =~ ^[0-9]+$ && -d $STATE/host$n ]] ||
		die "no host '$1' in bed $BED (is the bed up?)"
	printf '%s\n' "$n"
}

# Its pid may long be somebody else's: the file outlives the emulator, and where /run is
# on a disk, this machine.
host_alive() {
	local pid

	{ pid=$(<"$STATE/host$1/pid") &&
		grep -qzx -- "$BED-host$1" "/proc/$pid/cmdline"; } 2>/dev/null
}

# What the emulator has used so far, in hundredths of a second of CPU time.
host_cpu_time() {
	local stat

	{ stat=$(<"/proc/$(<"$STATE/host$1/pid")/stat"); } 2>/dev/null || return
	# shellcheck disable=SC2086 # split on purpose
	set -- ${stat##*) }
	printf '%s\n' $((${12} + ${13}))
}

host_start() {
	local n=$1 dir=$STATE/host$1 image=$STATE/image hosts links disk
	local -a cards disks=()

	host_alive "$n" && die "host$n is running"
	hosts=$(<"$STATE/hosts")
	links="$CTL $BED_LINKS"
	# The order makes them vda, vdb and vdc.
	for disk in root:on layer:on shared:off; do
		disks+=(-blockdev "driver=raw,node-name=${disk%:*},read-only=${disk#*:},file.driver=file,file.locking=off,file.filename=$image/${disk%:*}.img"
			-device "virtio-blk-pci,drive=${disk%:*},serial=${disk%:*},share-rw=on")
	done
	mapfile -t cards < <(net_cards "$n")
	rm -f "$dir"/{pid,console,qmp}
	ssh_forget "$n"
	# The line that a power loss cut off ends here.
	printf '\n%s\n' "$POWER_ON" >>"$dir/console.log"
	in_net "$image/emulator/lib/ld-linux-x86-64.so.2" \
		--library-path "$image/emulator/lib" \
		"$image/emulator/qemu-system-x86_64" \
		-L "$image/emulator/share" -name "$BED-host$n" \
		-machine q35 -accel tcg,thread=multi \
		-cpu "EPYC,+svm,+npt,pmu=on,+perfctr-core,x-pmu-skid=${BED_SKID:-0}${BED_CPU:+,$BED_CPU}" \
		-smp "${BED_SMP:-1}" -m "${BED_MEM:-1G}" \
		-nodefaults -no-user-config -display none -no-reboot \
		-kernel "$image/vmlinux" -initrd "$image/initrd" \
		-append "$HOST_CMDLINE bed.host=$n bed.hosts=$hosts bed.links=${links// /,} ${BED_CMDLINE:-}" \
		"${disks[@]}" \
		-device virtio-rng-pci \
		-chardev "socket,id=con,path=$dir/console,server=on,wait=off,logfile=$dir/console.log,logappend=on" \
		-serial chardev:con -qmp "unix:$dir/qmp,server=on,wait=off" \
		"${cards[@]}" -pidfile "$dir/pid" -daemonize \
		2>"$dir/emulator.log" || {
			cat "$dir/emulator.log" >&2
			die "host$n: the emulator did not start"
		}
}

# Warnings and worse go to the serial console, all the rest only to dmesg: a
# serial line is slow.  Any trouble ends in a panic, and a panic in a reset,
# which ends the emulator (-no-reboot): a host is well or it is dead.
HOST_CMDLINE='console=ttyS0 loglevel=5 panic=-1 oops=panic hung_task_panic=1'
HOST_CMDLINE+=' sysctl.kernel.hung_task_timeout_secs=60 nmi_watchdog=0'
HOST_CMDLINE+=' softlockup_panic=1 watchdog_thresh=30'
HOST_CMDLINE+=' rcupdate.rcu_cpu_stall_timeout=60'
HOST_CMDLINE+=' mitigations=off no_timer_check tsc=reliable lsm= audit=0'
HOST_CMDLINE+=' cryptomgr.notests random.trust_cpu=on rcupdate.rcu_expedited=1'

# Wait until host N has booted.
host_wait() {
	local n=$1 log=$STATE/host$1/console.log used

	until [[ $(tac "$log" | sed "/^$POWER_ON/q") == *"bed: ready"* ]]; do
		host_alive "$n" || {
			host_tail "$n"
			die "host$n died while it booted"
		}
		used=$(host_cpu_time "$n") || continue
		((used < 30000 * ${BED_PATIENCE:-1})) || die "host$n does not boot: bed log host$n"
		sleep 0.1
	done
	until bed_ssh "host$n" true; do
		if ! used=$(host_cpu_time "$n") || ((used >= 30000 * ${BED_PATIENCE:-1})); then
			host_tail "$n"
			die "host$n does not answer"
		fi
		sleep 1
	done
}

# Power loss.
host_kill() {
	local pid

	if host_alive "$1"; then
		pid=$(<"$STATE/host$1/pid")
		kill -KILL "$pid"
		while [[ -e /proc/$pid ]]; do sleep 0.02; done
	fi
	ssh_forget "$1"
}

# An oops with its stacks, and what comes after it.
host_tail() {
	printf '%s\n' "--- console of host$1 ---" >&2
	tail -n "${2:-100}" "$STATE/host$1/console.log" | tr -d '\r' >&2
	printf '%s\n' '---' >&2
}
