# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# bash completion for ftctl.

_ftctl_attached() {
	ftctl -j status 2>/dev/null | sed -n 's/^    "name":"\(.*\)",$/\1/p'
}

# What runs here and could be protected: QEMU's -name.
_ftctl_running() {
	local dir

	for dir in /proc/[0-9]*; do
		[[ $(readlink "$dir/exe") == */qemu-* ]] || continue
		tr '\0' '\n' <"$dir/cmdline" 2>/dev/null |
			sed -n '/^--\?name$/{n;s/^guest=//;s/,.*//;p;q}'
	done
}

_ftctl() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local commands='check enable disable status promote test-failover digest monitor version'
	local command='' word words

	for word in "${COMP_WORDS[@]:1:COMP_CWORD - 1}"; do
		[[ $word == -* ]] || { command=$word; break; }
	done

	case $prev in
	--dev)
		words=$(cd /sys/class/net && echo *)
		;;
	--on-loss)
		words='ask promote'
		;;
	--peer)
		words=$(compgen -A hostname)
		;;
	--addr | --peer-addr)
		words=
		;;
	*)
		words='--json --help'
		case $command in
		'')
			words+=" $commands"
			;;
		check)
			words+=" --peer $(_ftctl_running)"
			;;
		enable)
			words+=' --peer --dev --addr --peer-addr --on-loss --secondary-reads'
			words+=" $(_ftctl_running)"
			;;
		disable | status | promote | test-failover | digest)
			words+=" $(_ftctl_attached)"
			;;
		esac
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -F _ftctl ftctl
