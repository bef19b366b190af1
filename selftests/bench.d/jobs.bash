# shellcheck shell=bash disable=SC2034 # what the others use
# SPDX-License-Identifier: GPL-2.0-only
#
# What the guest is asked to do. A job is a function job_NAME AMOUNT that prints how long
# it took, in us; what more is known follows in words "name=number".

DISK_PORT=7004

# The jobs, and the least amount of each, which is asked for first: bytes or requests.
JOBS=(received sent requests echo read-64k write-64k read-4k write-4k)
declare -A LEAST=([received]=131072 [sent]=32768 [requests]=30 [echo]=200 [read-64k]=8
	[write-64k]=8 [read-4k]=64 [write-4k]=64)

# How many times longer than others they take: a new connection is slow.
declare -A LONGER=([received]=4 [sent]=4)

# disk_service: give the guest the service for its disk, which its initrd has not.
disk_service() {
	local size

	size=$(stat -c %s "$NET/disk")
	on_guest host1 "nc -l -p $DISK_PORT >/tmp/disk </dev/null 2>/dev/console &" &&
	bed net -w host1 socat -u "FILE:$NET/disk" "TCP:$NET_GUEST:$DISK_PORT,retry=50,interval=0.2" &&
	# (Who listens must have no part of the connection to the shell.)
	on_guest host1 "until [ \$(stat -c %s /tmp/disk) = $size ]; do sleep 0.2; done
		chmod +x /tmp/disk
		/tmp/disk $DISK_PORT </dev/null >/dev/console 2>&1"
}

# timed COMMAND...: run it in the guests' network, and print how long it took. What it
# says itself comes to $NET/said.
timed() {
	bed net -w host1 -t "$NET_LIMIT" bash -c '
		start=${EPOCHREALTIME/./}
		"$@" >&2 || exit
		echo $((${EPOCHREALTIME/./} - start))' - "$@" 2>"$NET/said" || {
		cat "$NET/said" >&2
		return 1
	}
}

job_received() {
	timed "$NET/stream" up "$NET_GUEST" bytes="$1"
}

job_sent() {
	timed "$NET/stream" down "$NET_GUEST" bytes="$1"
}

# All requests of a guest have one log: the guest goes on with the versions of its keys.
job_requests() {
	timed "$NET/reqrep" load "$NET_GUEST" "$NET/$NET_GUEST.writes" count="$1" &&
	sed -n 's/^done: .* median \([0-9]*\) us, 99% within \([0-9]*\) us/median=\1 p99=\2/p' \
		"$NET/said"
}

# At a rate of their own, so that both modes have the same work in the same time.
job_echo() {
	timed ping -q -i 0.01 -c "$1" -s 1000 -W 3 "$NET_GUEST"
}

# disk_job read|write SIZE COUNT DEPTH: by the guest's clock, so that asking takes no part.
disk_job() {
	local ns

	ns=$(bed net -w host1 -t "$NET_LIMIT" bash -c '
		exec 3<>"/dev/tcp/$1/$2" && echo "${*:3}" >&3 && read -r ns <&3 && echo "$ns"' - \
		"$NET_GUEST" "$DISK_PORT" "$@") && [[ $ns ]] && echo $((ns / 1000))
}

job_read-64k() { disk_job read 65536 "$1" 1; }
job_write-64k() { disk_job write 65536 "$1" 1; }
job_read-4k() { disk_job read 4096 "$1" 4; }
job_write-4k() { disk_job write 4096 "$1" 4; }

# As long as that, nothing.
job_idle() {
	sleep "$1"
	echo "$1"000000
}
