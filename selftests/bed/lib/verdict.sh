# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# Has a host's kernel complained?

COMPLAINTS='BUG:|Oops|WARNING:|Kernel panic|KASAN|UBSAN|KCSAN|lockdep'
COMPLAINTS+='|possible recursive locking|possible circular locking'
COMPLAINTS+='|suspicious RCU usage|inconsistent lock state|blocked for more than'
COMPLAINTS+='|detected stall|soft lockup|hard LOCKUP|general protection'
COMPLAINTS+='|unable to handle|refcount_t:|kmemleak:.*new suspected'

# verdict N: print the complaints on host N's console; fail if there are any
# beyond what bed/allowed and $BED_ALLOW (a file) list, one extended regular
# expression a line.
verdict() {
	local found

	found=$(tr -d '\r' <"$STATE/host$1/console.log" |
		grep -E "$COMPLAINTS" |
		grep -v -E -f <(cat "$BED_SRC/allowed" ${BED_ALLOW:+"$BED_ALLOW"} |
			grep -v -E '^(#|$)'))
	[[ $found ]] || return 0
	printf 'host%s: %s\n' "$1" "${found//$'\n'/$'\n'host$1: }"
	return 1
}

# leaks N: print what host N's kernel has lost of its memory, if it looks for that and the
# host is up; fail if there is any. Only the second scan tells of what is new.
leaks() {
	local found

	host_alive "$1" || return 0
	found=$(cmd_run -t 600 "host$1" 'f=/sys/kernel/debug/kmemleak
		[ -e $f ] || exit 0
		for i in 1 2; do
			sleep 6
			echo scan >$f
		done
		cat $f') || return
	[[ $found ]] || return 0
	printf 'host%s: lost memory:\n%s\n' "$1" "$found"
	return 1
}
