# shellcheck shell=bash disable=SC2154 # what bench sets
# SPDX-License-Identifier: GPL-2.0-only
#
# Single measurements. Each is an object in $RUNS: job, mode, amount, us, and by how
# much the counters moved meanwhile.

RUNS=$NET/runs
: >"$RUNS"

# The connections to counters, and what they read: count.c. The files are the packets of
# a guest's tap, which are seen from the host: it receives what the guest sends.
declare -A counter_in=() counter_out=()

# The counter of what the measured guest costs, which is on host1.
COUNTER=host1

# How much of a job was found to take long enough, by mode and job.
declare -A amount=()

# counter_start NAME HOST GUEST [OPTION ...]
counter_start() {
	local name=$1 host=$2 tap=/sys/class/net/tap-$3/statistics in out

	mkfifo "$NET/count.$name.in" "$NET/count.$name.out"
	# Both ends are here, so that opening one does not wait for the other.
	exec {in}<>"$NET/count.$name.in" {out}<>"$NET/count.$name.out"
	counter_in[$name]=$in counter_out[$name]=$out
	bed run -t 36000 "$host" "exec /run/count ${*:4} $tap/rx_packets $tap/tx_packets" \
		<&"$in" >&"$out" 2>"$NET/count.$name.log" &
	echo $! >"$NET/count.$name.pid"
	disown
	echo >&"$in"
	read -r -t 60 <&"$out" || {
		cat "$NET/count.$name.log" >&2
		return 1
	}
}

counters_start() {
	local host

	for host in host1 host2; do
		bed put $host "$NET/count" /run/count && counter_start $host $host vm0 || return
	done
}

# counters: instructions of the measured guest's COUNTER and of host2, packets from and to
# that guest.
counters() {
	local name
	local -A read=()

	# Both are asked before either is waited for.
	for name in "$COUNTER" host2; do
		echo >&"${counter_in[$name]}"
	done
	for name in "$COUNTER" host2; do
		read -r -t 60 'read[$name]' <&"${counter_out[$name]}" ||
			fail "no answer of the counter $name"
	done
	jq -cn --arg one "${read[$COUNTER]}" --arg two "${read[host2]}" '
		($one | split(" ") | map(tonumber)) as $numbers
		| {instructions: $numbers[0], from: $numbers[1], to: $numbers[2],
		instructions2: ($two | split(" ")[0] | tonumber)}'
}

# log_counters MODE: what kvm_ft says.
log_counters() {
	[[ $1 == protected ]] || {
		echo '{}'
		return
	}
	on host1 'ftctl -j status vm0' | jq -c "$VM"' | if .state != "running" then error(.state) else
		{log: ."log-bytes", entries: (.stats."entries-sync" + .stats."entries-async"),
		exits: .stats.exits, outputs: .stats.outputs, held: .stats."packets-held",
		batches: .stats.batches, dma: .stats."dma-bytes", disk: .stats.requests} end' ||
		fail "the guest is not protected any more"
}

# run_once JOB MODE AMOUNT: sets "us" and "run".
run_once() {
	local job=$1 mode=$2 n=$3 log_before log_after before after result

	log_before=$(log_counters "$mode") || exit
	before=$(counters) || exit
	result=$("job_$job" "$n") || fail "$job: ${result:-no result}"
	after=$(counters) || exit
	log_after=$(log_counters "$mode") || exit
	us=${result%%[!0-9]*}
	[[ $us ]] || fail "$job took no time: $result"
	run=$(jq -cn --arg job "$job" --arg mode "$mode" --argjson amount "$n" \
		--arg result "${result#"$us"}" --argjson us "$us" '
		def moved(a; b): b | with_entries(.value -= a[.key]);
		{job: $job, mode: $mode, amount: $amount, us: $us}
		+ ([$result | scan("([a-z0-9]+)=([0-9]+)") | {(.[0]): .[1] | tonumber}] | add // {})
		+ moved($a; $b) + moved($c; $d)' \
		--argjson a "$before" --argjson b "$after" \
		--argjson c "$log_before" --argjson d "$log_after")
}

# measure JOB MODE: only a run that takes long enough counts, and not the first one, which
# may find all cold. The next one begins with the amount that this took.
measure() {
	local job=$1 mode=$2 n us run enough factor

	enough=$((BENCH_SECONDS * ${LONGER[$job]:-1} * 750000))
	n=${amount[$mode.$job]:-${LEAST[$job]}}
	run_once "$job" "$mode" "${LEAST[$job]}"
	while run_once "$job" "$mode" "$n" && ((us < enough)); do
		factor=$((enough * 8 / 5 / us + 1))
		((n *= factor < 10 ? factor : 10))
	done
	amount[$mode.$job]=$n
	echo "$run" >>"$RUNS"
	tell "   $job: $n in $((us / 1000)) ms"
}

# measure_link: round trips of the logging link, with nothing else on it.
measure_link() {
	on host1 'ping -c 21 -i 0.2 host2-log' | sed -n 's/.* time=\([0-9.]*\) ms/\1/p' | sort -n |
		sed -n 11p | jq -c '{job: "link", mode: "unprotected", us: (. * 1000)}' >>"$RUNS"
	[[ $(tail -n 1 "$RUNS") == *'"link"'* ]] || fail "host1 does not reach host2"
}

# measure_all MODE: every job once, and what there is without one.
measure_all() {
	local job us run

	[[ $1 == protected ]] || measure_link
	for job in "${JOBS[@]}"; do
		measure "$job" "$1"
	done
	run_once idle "$1" $((BENCH_SECONDS * 5))
	echo "$run" >>"$RUNS"
}

# measure_failover: from kill to the first packet that the guest sends on host2, and what
# a client with a connection sees of it.
measure_failover() {
	local mac killed first timeout silence

	timeout=$(on host1 'cat /sys/module/kvm_ft/parameters/timeout_ms')
	mac=$(bed net ip neigh show "$NET_GUEST" | sed 's/.*lladdr \([^ ]*\).*/\1/')
	net_start failover stream down "$NET_GUEST" rate=20000
	net_moves host1 failover || fail "the client has no connection"
	# Of the guest: the RARP request that tells where it is now is the module's.
	bed net timeout 300 tcpdump -tt -n -l -q -c 1 -Q in -i lan2 ip and ether src "$mac" \
		>"$NET/first" 2>"$NET/tcpdump.log" &
	echo $! >"$NET/tcpdump.pid"
	until grep -qs 'listening' "$NET/tcpdump.log"; do
		kill -0 "$(<"$NET/tcpdump.pid")" 2>/dev/null ||
			fail "packets cannot be watched: $(<"$NET/tcpdump.log")"
		sleep 0.1
	done
	killed=${EPOCHREALTIME/./}
	bed kill host1
	wait "$(<"$NET/tcpdump.pid")"
	first=$(sed -n '1s/^\([0-9]*\)\.\([0-9]*\) .*/\1\2/p' "$NET/first")
	[[ $first ]] || fail "no packet of the guest came from host2"
	net_moves host2 failover 20000 || fail "the connection did not go on"
	silence=$(net_stop host2 failover) || fail "the client: $silence"
	silence=${silence##*silence } silence=${silence% ms}
	jq -cn '{job: "failover", mode: "protected", us: $us, silence: $silence, timeout: $timeout}' \
		--argjson us $((first - killed)) --argjson silence "$((silence * 1000))" \
		--argjson timeout "$((timeout * 1000))" >>"$RUNS"
}
