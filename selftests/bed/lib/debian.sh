# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# Debian roots: made with mmdebstrap from whatever mirror this machine's own
# apt uses, and entered with chroot in a mount namespace of their own.

SUITE=trixie

# The URI of the machine's Debian archive.
debian_mirror() {
	local uri

	uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
		'Origin: Debian' 'Label: Debian' | sort -u | head -n1)
	[[ $uri ]] || {
		flock --close /run/lock/kvm_ft-apt apt-get update -qq >&2
		uri=$(apt-get indextargets --format '$(REPO_URI)' \
			'Created-By: Packages' 'Label: Debian' |
			sort -u | head -n1)
	}
	[[ $uri ]] || die "apt has no Debian archive configured"
	printf '%s\n' "$uri"
}

# debian_root DIR VARIANT PACKAGES [mmdebstrap options]: packages separated by
# white space.  Downloaded packages are kept and used again.
#
# The kernel's scripts make no initrd if INITRD is No.
debian_root() {
	local dir=$1 variant=$2 mirror debs=$KVM_FT_CACHE/debs
	local -a packages

	read -r -d '' -a packages <<<"$3" || true
	shift 3
	need mmdebstrap mmdebstrap
	mirror=$(debian_mirror)
	mkdir -p "$debs"
	INITRD=No nice mmdebstrap --quiet --mode=root --variant="$variant" \
		--include="$(IFS=,; echo "${packages[*]}")" \
		--aptopt='Apt::Install-Recommends "false"' \
		--dpkgopt=force-unsafe-io \
		--dpkgopt=path-exclude='/usr/share/man/*' \
		--dpkgopt=path-exclude='/usr/share/locale/*' \
		--skip=download/empty --skip=essential/unlink \
		--setup-hook="mkdir -p \"\$1/var/cache/apt/archives\"" \
		--setup-hook="find '$debs' -name '*.deb' -exec ln -t \"\$1/var/cache/apt/archives\" {} +" \
		--customize-hook="cp -nl \"\$1\"/var/cache/apt/archives/*.deb '$debs/'" \
		--customize-hook="rm -f \"\$1\"/var/cache/apt/archives/*.deb" \
		"$@" "$SUITE" "$dir" \
		"deb $mirror $SUITE main" "deb-src $mirror $SUITE main"
}

# in_root DIR COMMAND ...: with /proc, /dev and a private /tmp.
in_root() {
	local dir=$1

	shift
	unshare --mount --propagation private bash -c '
		mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" &&
		mount -t tmpfs tmpfs "$0/tmp" && exec chroot "$0" "$@"' \
		"$dir" "$@" </dev/null
}
