# shellcheck shell=bash disable=SC2154,SC2034 # what demo and the others set and use
# SPDX-License-Identifier: GPL-2.0-only
#
# What it came to: the checks, the figures, and what helps when it failed.

# Both copies were compared and found equal.
equal=''

# check TEXT COMMAND...: its output is for the reader.
check() {
	local text=$1 said

	shift
	if said=$("$@" 2>&1); then
		results+=("ok      $text${said:+ ($said)}")
	else
		results+=("FAILED  $text${said:+: $said}")
		failed=1
	fi
}

took_over() {
	echo "${at[host2.role]}, ${at[host2.state]}, ${at[host2.reason]}"
	[[ ${at[host2.state]} == need-secondary && ${at[host2.reason]} == lost-connection ]]
}

verdict() {
	local -a results=()
	local failed='' before=$((last[host1] + 1)) after=$((last[host2] - last[host1]))
	local bytes=${at[host2.log-bytes]} milliseconds
	local sync=${at[host2.entries-sync]} async=${at[host2.entries-async]}

	check "the console goes on without gap or contradiction, no clock went back" \
		"$here/guests/verify-chain" --beyond "$DEMO_LINES" "$tmp"/console.host{1,2}
	check "a TCP connection goes on, every byte of it is right" client_right stream
	check "so does a connection to the database" client_right database
	check "the database has every write it has acknowledged" database_whole
	check "both copies were equal in lockstep" test "$equal"
	check "host2 took over by itself" took_over
	check "no kernel complained" bed check
	took[step]=$((SECONDS - began))
	milliseconds=$(((${killed/./} - ${protected/./}) / 1000))

	view_close
	printf '\nWhat held:\n'
	printf '  %s\n' "${results[@]}"
	printf '\nFigures (emulated hosts on this machine: they tell no more than that):\n'
	printf '  %-28s %s\n' \
		"build" "${took[0]} s" \
		"boot of two hosts" "${took[1]} s" \
		"boot of the guest" "${took[2]} s" \
		"ftctl enable" "${took[3]} s" \
		"protected" "$((milliseconds / 1000)) s" \
		"from kill to live" "$(seconds "$killed" "${moment[need-secondary]}") s" \
		"from kill to the next line" "$(seconds "$killed" "${moment[line]-$killed}") s" \
		"branches of the guest" "${at[host2.branches]}" \
		"entries of the log" "$((sync + async)): $sync answers, $async inputs" \
		"bytes of the log" "$bytes, $(megabits $((bytes * 1000 / milliseconds)))/s" \
		"lines of the console" "$before seen before, $after after" \
		"kvm_ft.ko" "$DEMO_PARAMS" \
		"all together" "$SECONDS s"
	[[ ! $failed ]] || fail "not everything held"
	printf '\nThe guest has survived the death of its host.\n'
}

# What hosts that still live have to say.
evidence() {
	local host count=${#messages[@]}

	printf '%s\n' "--- the last messages ---" "${messages[@]:count > 20 ? count - 20 : 0}"
	for host in host1 host2; do
		[[ $host != "$dead" ]] || continue
		echo "--- $host ---"
		bed run -t 60 "$host" 'ftctl status; dmesg | tail -n 20; tail -n 3 /run/vm0.console.log' ||
			bed log "$host" | tail -n 20
	done
}

keep_hint() {
	cat <<-END

		The bed is still up:
		  export BED=$BED PATH=$here/bed:\$PATH
		  bed run host2 ftctl status                  # who runs the guest
		  bed run host2 'tail -f /run/vm0.console.log'  # what it prints
		  bed start host1                             # power is back, then protect it anew:
		  bed run host1 "modprobe kvm_ft $DEMO_PARAMS"
		  bed run host2 'ftctl enable vm0 --peer host1 --dev log --on-loss promote'
		  bed down
	END
}
