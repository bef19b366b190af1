# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What every part of the bed needs: messages, and packages of the machine below.

# A make that is run from here is not part of the one that ran us.
unset MAKEFLAGS MFLAGS MAKELEVEL

say() {
	printf 'bed: %s\n' "$*" >&2
}

die() {
	say "$*"
	exit 1
}

# need COMMAND PACKAGE ...: install the packages whose command is missing.
need() {
	local -a missing=()

	while (($#)); do
		command -v "$1" >/dev/null || missing+=("$2")
		shift 2
	done
	((${#missing[@]})) || return 0
	apt_install "${missing[@]}"
}

# apt_install PACKAGE ...: one at a time, since apt does not wait for another.
apt_install() {
	say "installing $*"
	flock --close /run/lock/kvm_ft-apt bash -c '
		install=(apt-get install -qq --no-install-recommends "$@")
		"${install[@]}" || { apt-get update -qq && "${install[@]}"; }
	' - "$@" </dev/null >&2 || die "cannot install $*: is their suite configured?"
}
