# SPDX-License-Identifier: GPL-2.0-only
# Tests as functions, results as TAP.

tests=0

# t DESCRIPTION FUNCTION [ARGUMENT...]: one test. It passes when no command of
# the function fails; what it printed is shown when it does.
t() {
	local description=$1 log status start=$SECONDS

	shift
	((++tests))
	log=$(mktemp)
	# Not as a condition: that would take the effect from -e.
	set +e
	(
		set -eE
		"$@"
	) >"$log" 2>&1
	status=$?
	if ((status)); then
		echo "not ok $tests $description"
		sed 's/^/# /' "$log"
	else
		echo "ok $tests $description # $((SECONDS - start)) s"
	fi
	rm -f "$log"
}

plan() {
	echo "1..$tests"
}
