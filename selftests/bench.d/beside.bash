# shellcheck shell=bash disable=SC2034,SC2154 # what the others use and set
# SPDX-License-Identifier: GPL-2.0-only
#
# What a guest that nobody protects pays for the module, beside one that is protected:
#
#	protecting	the module protects the other guest
#	loaded		it protects none
#	unloaded	there is no module
#
# Instructions are those of its own emulator's threads, vhost's among them, so that the
# other guest's are no part of them.

OTHER_GUEST=10.77.2.101
BESIDE_JOBS=(received sent requests echo)

beside_guest() {
	quiet_guest vm1 && counter_start vm1 host1 vm1 -p "$(on host1 'cat /run/vm1.pid')"
}

# beside_measure MODE
beside_measure() {
	local job

	tell "another guest: $1"
	for job in "${BESIDE_JOBS[@]}"; do
		measure "$job" "$1"
	done
}

# measure_beside: begins and ends with the first guest protected.
measure_beside() {
	local NET_GUEST=$OTHER_GUEST COUNTER=vm1

	beside_guest || fail "the other guest does not start"
	beside_measure protecting
	unprotect_guest
	beside_measure loaded
	on host1 'rmmod kvm_ft' || fail "the module does not unload"
	beside_measure unloaded
	FT_PARAMS=$BENCH_PARAMS load_module host1 || fail "no module in host1"
	on host1 'guest-stop vm1' || fail "the other guest does not end"
	protect_guest
}
