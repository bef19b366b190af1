# SPDX-License-Identifier: GPL-2.0-only
# What the lockstep tests share. Waits end by the emulated hosts' CPU time, not
# by the clock: see "bed run -t".

# More than one host may wait for one core: no test may take a slow peer for a
# dead one. Small batches would keep an emulated host busy with sending alone.
FT_PARAMS="timeout_ms=20000 heartbeat_ms=1000 position_ms=500 batch_us=20000"

# load_module HOST...
load_module() {
	local host

	for host; do
		bed run "$host" "modprobe kvm_ft $FT_PARAMS" >&2 || return
	done
}

# set_timeout MS: silence after which a peer is lost, from the next protection on.
set_timeout() {
	local host

	for host in host1 host2; do
		on $host "echo $1 >/sys/module/kvm_ft/parameters/timeout_ms"
	done
}

# on HOST COMMAND...: run it there.
on() {
	bed run "$@"
}

# guest HOST NAME [GUEST_x=y ...] [-- QEMU arguments]: start a guest.
guest() {
	local host=$1 name=$2 env=()

	shift 2
	while (($#)) && [ "$1" != -- ]; do
		env+=("$(printf %q "$1")")
		shift
	done
	shift $(($# > 0))
	on "$host" "${env[*]} guest-start $name ${*@Q}" 2>&1 | { grep -v "host doesn.t support" || true; }
}

# flat HOST NAME EXERCISE [GUEST_x=y ...] [-- QEMU arguments]: start a flat guest.
flat() {
	local host=$1 name=$2 exercise=$3 env=()

	shift 3
	while (($#)) && [ "$1" != -- ]; do
		env+=("$1")
		shift
	done
	shift $(($# > 0))
	guest "$host" "$name" GUEST_MEM=48 "${env[@]}" -- \
		-kernel /usr/lib/kvm_ft/guest/flat/flat.elf -append "$exercise" "$@"
}

# end_guests: nothing of any guest is left on either host, and both are well, whatever
# the test before came to.
end_guests() {
	local host jobs=()

	for host in host1 host2; do
		! bed status | grep -q "$host: dead" || bed start $host || return
		bed link log $host up
		on $host "pkill -KILL -x qemu-system-x86
			while pgrep -x qemu-system-x86; do sleep 0.1; done
			modprobe kvm_ft $FT_PARAMS || exit
			until [ \"\$(ftctl -j status)\" = '[]' ]; do sleep 0.1; done
			rm -f /run/*.console.log" >/dev/null &
		jobs+=($!)
	done
	wait "${jobs[0]}" && wait "${jobs[1]}"
}

# The VM's object in what ftctl prints. jq runs here: an emulated host takes longer
# to start it than ftctl takes to answer.
VM='if type == "array" then .[0] else . end'

# status HOST NAME FIELD: one field of ftctl's status.
status() {
	on "$1" "ftctl -j status $2" | jq -r "$VM | .$3"
}

# qmp HOST COMMAND [ARGUMENTS]: of the guest's QEMU there. Asked until it has answered in
# the time that socat gives it.
qmp() {
	local ask="{\"execute\": \"qmp_capabilities\"}"

	ask+=" {\"execute\": \"$2\", \"id\": 1, \"arguments\": ${3:-{\}}}"
	on "$1" "until echo '$ask' | socat -t 2 - UNIX:/run/vm0.qmp | grep '\"id\": 1'; do :; done" |
		jq -c '.return // halt_error(1)'
}

# until_vm [-t CPU_SECONDS] HOST NAME EXPRESSION: wait until the jq expression
# holds for the VM's status, in vain if it is one that never changes.
until_vm() {
	local limit=300 fd bed met=yes

	if [ "$1" = -t ]; then
		limit=$2
		shift 2
	fi
	# What takes long is looked at rarely: each look takes time from the guest. The
	# host's shell ends when it finds nobody reading.
	exec {fd}< <(exec bed run -t "$limit" "$1" \
		"while ftctl -j status $2; do sleep $(((limit + 299) / 300)); done")
	bed=$!
	jq -en "first(inputs | $VM | if $3 then true elif .state == \"dropped\" then false
		else empty end)" <&"$fd" >/dev/null || met=
	kill "$bed" 2>/dev/null || true
	exec {fd}<&-
	[ "$met" ] || {
		echo "# waited for: $3"
		on "$1" "ftctl status; dmesg | tail -n 20"
		return 1
	}
}

# protect HOST PEER NAME [ftctl enable options]
protect() {
	local host=$1 peer=$2 name=$3

	shift 3
	on "$host" "ftctl enable $name --peer $peer --dev log ${*}"
}

# equal HOST NAME: both copies are the same at one position.
equal() {
	# (What says nothing is true for jq 1.6.)
	[ "$(on "$1" "ftctl -j digest $2" | jq .digest.compared)" = true ] || {
		on host1 "ftctl status; dmesg | tail -n 5"
		on host2 "ftctl status; dmesg | tail -n 5"
		return 1
	}
}

# prints HOST NAME [LINES]: the guest there ends so many (1) more lines.
prints() {
	on "$1" "until=\$((\$(wc -l < /run/$2.console.log) + ${3:-1}))
		until [ \$(wc -l < /run/$2.console.log) -ge \$until ]; do sleep 0.5; done"
}

# in_lockstep PRIMARY SECONDARY NAME: protected, and nothing went wrong so far.
in_lockstep() {
	if [ "$(status "$1" "$3" state)" != running ] ||
			[ "$(status "$2" "$3" state)" != running ]; then
		on host1 "ftctl status; dmesg | tail -n 5"
		on host2 "ftctl status; dmesg | tail -n 5"
		return 1
	fi
}
