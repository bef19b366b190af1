# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# Artefacts, each in a folder named by a hash of what it is made from:
#
#   $KVM_FT_CACHE/<name>/<key>/...
#
# A folder that exists is complete: it is filled under another name and then
# renamed.  A lock lets a second user wait instead of building twice.

KVM_FT_CACHE=${KVM_FT_CACHE:-/var/cache/kvm_ft}

# How many versions of one artefact are kept: enough to go back and forth
# between a few branches.
CACHE_KEEP=4

# cache_key FILE|=TEXT ...: hash the contents of the files (and their names
# relative to the caller's tree), and the literal texts.
cache_key() {
	local arg

	for arg; do
		case $arg in
		=*) printf '%s\n' "$arg" ;;
		*) printf '%s ' "${arg##*/}"; sha256sum <"$arg" || exit ;;
		esac
	done | sha256sum | cut -c1-16
}

# cache_get NAME KEY BUILDER: print the artefact's folder, after BUILDER (a
# function that is given an empty folder to fill) has made it if need be.
# BUILDER gets a shell of its own: "set -e" is void in a caller's condition.
cache_get() {
	local name=$1 key=$2 builder=$3
	local top=$KVM_FT_CACHE/$name
	local dir=$top/$key t=$SECONDS lock

	if [[ ! -e $dir ]]; then
		mkdir -p "$top"
		exec {lock}>"$top/lock.$key"
		flock -n "$lock" || {
			say "$name: waiting for another build of it"
			flock "$lock"
		}
		if [[ ! -e $dir ]]; then
			say "$name: building $key"
			rm -rf "$top/tmp.$key"
			mkdir "$top/tmp.$key"
			bash -eu -o pipefail -c '
				for f in "$BED_SRC"/lib/*.sh; do . "$f"; done
				"$@"' bed "$builder" "$top/tmp.$key" \
				</dev/null >&2 {lock}>&- ||
				die "$name: the build failed"
			mv -T "$top/tmp.$key" "$dir"
			say "$name: built in $((SECONDS - t)) s"
			cache_prune "$top"
		fi
		exec {lock}>&-
	fi
	touch -c "$dir"
	printf '%s\n' "$dir"
}

# Remove all but the most recently used versions.  A host that runs keeps its
# files open, and a bed holds hard links to what it may start again.
cache_prune() {
	local old

	find "$1" -mindepth 1 -maxdepth 1 -type d ! -name 'tmp.*' \
		-printf '%T@ %p\n' | sort -rn | tail -n +$((CACHE_KEEP + 1)) |
	while read -r _ old; do
		rm -rf "$old"
	done
	# What was being built a day ago never will be.
	find "$1" -mindepth 1 -maxdepth 1 -name '*.*' -mmin +1440 \
		-exec rm -rf {} +
}
