# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# The bed's network: one namespace, in it one bridge per link and one tap per
# link and host.  Nothing outside of the namespace is touched.
#
#          host1               host2           the bed itself
#                 guests              guests        |   |
#                  br0                 br0          |   |
#     ctl mgmt log lan    ctl mgmt log lan          |   |
#      |    |   |   |      |    |   |   |           |   |
#      +----|---|---|------+----|---|---|---- ctl --+   |  10.77.255.N  never cut
#           +---|---|-----------+---|---|--- mgmt       |  10.77.0.N
#               +---|---------------+---|---- log       |  10.77.1.N
#                   +-------------------+---- lan ------+  10.77.2.N

# The links under test, with their numbers, and the one that "bed" itself uses
# to reach the hosts, whatever a test does to the others.  On lan are the hosts'
# guests, and the bed itself, as the outside world that talks to them.
BED_LINKS=${BED_LINKS:-mgmt:0 log:1 lan:2}
CTL=ctl:255

in_net() {
	nsenter --net="/run/netns/$BED" "$@"
}

net_up() {
	local hosts=$1 link n

	ip netns add "$BED" || die "the network namespace $BED exists already"
	# shellcheck disable=SC2086 # a list
	for link in $CTL $BED_LINKS; do
		in_net ip link add "${link%:*}" type bridge forward_delay 0
		in_net ip link set "${link%:*}" up
		for ((n = 1; n <= hosts; n++)); do
			in_net ip tuntap add "${link%:*}$n" mode tap
			in_net ip link set "${link%:*}$n" \
				master "${link%:*}" up
		done
	done
	in_net ip address add 10.77.255.254/24 dev "${CTL%:*}"
	[[ $BED_LINKS != *lan:* ]] || in_net ip address add 10.77.2.254/24 dev lan
	in_net ip link set lo up
	# Whatever this machine's TCP does.  On a way of more than half a millisecond it would
	# send small segments; here a host next door is some milliseconds away.
	in_net sysctl -q -e -w net.ipv4.tcp_congestion_control=reno \
		net.ipv4.tcp_tso_rtt_log=16
	in_net nft -f - <<-'EOF'
	table bridge bed {
		set cut_out { type ifname; }
		set cut_in { type ifname; }
		chain forward {
			type filter hook forward priority 0;
			iifname @cut_out drop
			oifname @cut_in drop
		}
		chain input {
			type filter hook input priority 0;
			iifname @cut_out drop
		}
		chain output {
			type filter hook output priority 0;
			oifname @cut_in drop
		}
	}
	EOF
}

net_down() {
	[[ ! -e /run/netns/$BED ]] || ip netns del "$BED"
}

# The cards of host N, as arguments of the emulator.
net_cards() {
	local n=$1 link

	for link in $CTL $BED_LINKS; do
		printf '%s\n' -netdev \
			"tap,id=${link%:*},ifname=${link%:*}$n,script=no,downscript=no" \
			-device "$(printf 'virtio-net-pci,netdev=%s,mac=52:54:00:77:%02x:%02x,romfile=' \
				"${link%:*}" "${link#*:}" "$n")"
	done
}

# net_cut LINK HOST out|in|both: what the host sends, or is sent, is lost, as
# behind a switch that fails: nobody sees a carrier go.
net_cut() {
	local port=$1$2

	[[ $3 == in ]] || in_net nft add element bridge bed cut_out "{ $port }"
	[[ $3 == out ]] || in_net nft add element bridge bed cut_in "{ $port }"
}

net_mend() {
	local set

	for set in cut_out cut_in; do
		in_net nft delete element bridge bed "$set" "{ $1$2 }" \
			2>/dev/null || :
	done
}
