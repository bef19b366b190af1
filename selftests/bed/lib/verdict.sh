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
