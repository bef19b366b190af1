# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# Talking to the hosts: ssh with one connection per host that is kept, under a
# watch that ends it when the host dies or uses too much time.

# The connection is kept alive to keep the host alive: twice in some days of tests, while
# nothing else came in, an emulated processor stood still for minutes, as if it had missed
# the timer that was to wake it up. Any interrupt wakes it.
ssh_config() {
	local n

	cat <<-EOF
	Host *
		User root
		IdentityFile $STATE/image/key
		IdentitiesOnly yes
		StrictHostKeyChecking no
		UserKnownHostsFile /dev/null
		GlobalKnownHostsFile /dev/null
		BatchMode yes
		LogLevel ERROR
		ControlMaster auto
		ControlPath $STATE/%n/ssh
		ControlPersist yes
		ServerAliveInterval 5
		ServerAliveCountMax 1000000
	EOF
	for ((n = 1; n <= $1; n++)); do
		printf 'Host host%s\n\tHostName 10.77.255.%s\n' "$n" "$n"
	done
}

bed_ssh() {
	in_net ssh -F "$STATE/ssh_config" "$@"
}

# Drop the connection to a host that is no more.
ssh_forget() {
	[[ ! -S $STATE/host$1/ssh ]] ||
		in_net ssh -F "$STATE/ssh_config" -O exit "host$1" 2>/dev/null || :
	rm -f "$STATE/host$1/ssh"
}

# watched N LIMIT COMMAND ...: run the command in the bed's namespace until it
# ends or the host dies or its emulator has used LIMIT seconds of CPU time.
# CPU time, since a slow machine below is no fault of the test; each turn of
# the watch, 200 ms, costs at least 100 ms, so that a host that waits for ever runs out
# of its limit too, and soon enough for those tests that come after.
watched() {
	local n=$1 limit=$(($2 * 100 * ${BED_PATIENCE:-1})) verdict pid watch rc=0

	shift 2
	host_alive "$n" || {
		say "host$n is dead"
		return 125
	}
	verdict=$(mktemp "$STATE/host$n/verdict.XXXXXX")
	if [[ -t 0 ]]; then
		nsenter --net="/run/netns/$BED" "$@" </dev/null &
	else
		nsenter --net="/run/netns/$BED" "$@" <&0 &
	fi
	pid=$!
	{
		used=0 last=$(host_cpu_time "$n") || last=0
		while sleep 0.2; do
			now=$(host_cpu_time "$n") || {
				echo "host$n died" >"$verdict"
				break
			}
			step=$((now - last)) last=$now
			used=$((used + (step > 10 ? step : 10)))
			if ((used > limit)); then
				echo "host$n: over the limit of $((limit / 100)) CPU seconds" >"$verdict"
				break
			fi
		done
		[[ ! -s $verdict ]] || kill "$pid" 2>/dev/null
	} </dev/null >/dev/null 2>&1 &
	watch=$!
	# shellcheck disable=SC2064 # the processes of now
	trap "kill $pid $watch 2>/dev/null; rm -f '$verdict'" EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	wait "$pid" || rc=$?
	kill "$watch" 2>/dev/null
	wait "$watch" 2>/dev/null
	trap - EXIT INT TERM
	# The connection may have noticed the death before the watch did.
	if ((rc == 255)) && [[ ! -s $verdict ]] && ! host_alive "$n"; then
		echo "host$n died" >"$verdict"
	fi
	if [[ -s $verdict ]]; then
		say "$(<"$verdict")"
		host_tail "$n"
		rc=124
		host_alive "$n" || rc=125
		# The master has our output open until the session ends, which
		# this one may never do.
		ssh_forget "$n"
	fi
	rm -f "$verdict"
	return "$rc"
}
