# SPDX-License-Identifier: GPL-2.0-only
# Guests on a network, and clients of their services on the machine below, where
# they see what the world sees. A client has an ID, which later calls name; it goes
# on when the test that started it has ended.
#
# Where something is waited for, HOST is one that lives as long, mostly that of the
# guest: the wait ends when it dies or has used up NET_LIMIT seconds of CPU time.

# The guest of most tests.
NET_GUEST=10.77.2.100
: "${NET_LIMIT:=300}"

# $NET/ID.log is what a client prints, ID.pid its process, ID.status its end.
NET=$(mktemp -d)

# net_build: the services' programs, for the machine below.
net_build() {
	local src=../guests/linux

	gcc -std=gnu11 -O2 -o "$NET/stream" $src/{stream,tcp}.c &&
	gcc -std=gnu11 -O2 -o "$NET/datagrams" $src/{datagrams,tcp}.c &&
	gcc -std=gnu11 -O2 -o "$NET/reqrep" $src/{reqrep,database,tcp}.c
}

# net_guest HOST NAME [GUEST_x=y ...] [-- QEMU arguments]: start a guest that can be
# reached as NET_GUEST. It leaves some time to others; see workload.c.
net_guest() {
	local host=$1 name=$2

	shift 2
	guest "$host" "$name" GUEST_NIC=1 \
		"GUEST_CMDLINE=kvm_ft.ip=$NET_GUEST kvm_ft.rate=8 kvm_ft.busy=0" "$@" &&
	on "$host" "until grep -q 'guest: ready' /run/$name.console.log; do sleep 2; done"
}

# on_guest HOST COMMAND: a shell command line in the guest, with its exit code.
on_guest() {
	local output

	output=$(printf '(%s) 2>&1\necho "status $?"\nexit\n' "$2" |
		bed net -w "$1" -t "$NET_LIMIT" socat -t 100000 - "TCP:$NET_GUEST:7000") || return
	printf '%s\n' "$output" | sed '$d'
	[ "${output##*$'\n'}" = "status 0" ]
}

# net_start ID PROGRAM ARGUMENT...: start a client.
net_start() {
	local id=$1 program=$NET/$2

	shift 2
	rm -f "${NET:?}/$id".{log,pid,status}
	{
		bed net "$program" "$@" >"$NET/$id.log" 2>&1 &
		echo $! >"$NET/$id.pid"
		# A test's shell ends with the first command that fails.
		wait $! && echo 0 >"$NET/$id.status" || echo $? >"$NET/$id.status"
	} </dev/null >/dev/null 2>&1 &
	until [ -s "$NET/$id.pid" ]; do sleep 0.05; done
}

# net_count ID: the bytes or requests that were right so far.
net_count() {
	sed -n 's/^\(done: \)\?\([0-9]\+\) .*/\2/p' "$NET/$1.log" | tail -n 1 | grep . || echo 0
}

# net_wait HOST ID: until the client has ended; it must have found all right.
net_wait() {
	local file=$NET/$2

	bed net -w "$1" -t "$NET_LIMIT" bash -c \
		"until [ -s '$file.status' ]; do sleep 0.2; done" &&
	[ "$(<"$file.status")" = 0 ] || {
		tail -n 3 "$file.log"
		return 1
	}
	tail -n 1 "$file.log"
}

# net_stop HOST ID: end a client; it must have found all right.
net_stop() {
	kill "$(<"$NET/$2.pid")" 2>/dev/null || true
	net_wait "$1" "$2"
}

# net_moves HOST ID [MORE]: wait until so many (1) more bytes or requests are right.
net_moves() {
	local host=$1 id=$2 until

	until=$(($(net_count "$id") + ${3:-1}))
	NET=$NET bed net -w "$host" -t "$NET_LIMIT" bash -c "$(declare -f net_count)
		until [ \$(net_count '$id') -ge $until ]; do
			[ ! -e '$NET/$id.status' ] || exit 1
			sleep 0.2
		done" || {
		tail -n 3 "$NET/$id.log"
		return 1
	}
}

# net_verify ID ADDRESS [OPTION ...]: has the guest all writes that "reqrep load" ID was told of?
# Its log is $NET/ID.writes.
net_verify() {
	bed net "$NET/reqrep" verify "$2" "$NET/$1.writes" "${@:3}"
}

# vhost_naps HOST NAME: how often vhost's threads of that guest have gone to sleep, which
# they do when they have done something.
vhost_naps() {
	on "$1" "cd /proc/\$(cat /run/$2.pid)/task && for t in \$(grep -l ^vhost- */comm); do
			sed -n 's/^voluntary_ctxt_switches:\s*//p' \${t%/comm}/status
		done" | jq -s add
}

# net_end: no client is left.
net_end() {
	local pid

	for pid in "$NET"/*.pid; do
		[ ! -e "$pid" ] || kill -KILL "$(<"$pid")" 2>/dev/null || true
	done
	rm -rf "$NET"
}
