# shellcheck shell=bash disable=SC2154,SC2034 # what demo and the others set and use
# SPDX-License-Identifier: GPL-2.0-only
#
# What the user sees: on a terminal a picture that is drawn anew, with both
# consoles side by side; otherwise a line for each thing that happens.

# Whether we draw; whether what is drawn is no longer true; the last second that
# was drawn or printed in.
drawing='' changed='' shown=0
# Both consoles; the first character of a line tells how it looks. What both have
# is in the same row of both.
declare -a pane_host1=() pane_host2=() messages=()
declare -A status_line=([host1]=off [host2]=off [world]='')
# When a host's state was printed last, and which.
declare -A told_at=() told=()

bold=$'\e[1m' red=$'\e[1;31m' green=$'\e[32m' plain=$'\e[m'

view_open() {
	view_size
	[[ -t 1 && -t 0 && ${TERM:-dumb} != dumb ]] && ((rows >= 18 && columns >= 60)) || return 0
	drawing=1
	stty -echo
	trap view_size WINCH
	printf '\e[?1049h\e[?25l'
}

# What was drawn stays to be read, where the shell goes on.
view_close() {
	[[ $drawing ]] || return 0
	printf '\e[?25h\e[?1049l'
	stty echo
	trap - WINCH
	view_draw | sed 's/\x1b\[[HJK]//g'
	drawing=''
}

view_size() {
	read -r rows columns < <(stty size 2>/dev/null) || rows=24 columns=80
	changed=1
}

# line WHO TEXT: one line of what is not drawn.
line() {
	shown=$SECONDS
	[[ $drawing ]] || printf '%4d s  %-5s | %s\n' "$SECONDS" "$1" "$2"
}

view_step() {
	changed=1
	line demo "--- $((step + 1))/${#STEPS[@]}: ${STEPS[step]} ---"
}

view_message() {
	local who=${1%%: *}

	messages+=("$1")
	changed=1
	case $who in
	demo | bed) line "$who" "${1#*: }" ;;
	*) line "" "$1" ;;
	esac
}

view_console() {
	local -n pane=pane_$1

	[[ $1 != host2 ]] || ((${#pane_host2[@]})) || view_align "$3"
	pane+=("$2$3")
	changed=1
	line "$1" "$3"
}

# view_align TEXT: the first line on host2 comes beside the same one on host1. The
# copy may have begun in the midst of it.
view_align() {
	local i

	for ((i = 0; i < ${#pane_host1[@]}; i++)); do
		[[ ${pane_host1[i]} != *"$1" ]] || break
		pane_host2+=(' ')
	done
}

# human BYTES
human() {
	if (($1 < 10000)); then
		printf '%d B' "$1"
	elif (($1 < 10000000)); then
		printf '%d kB' $(($1 / 1000))
	else
		printf '%d MB' $(($1 / 1000000))
	fi
}

# megabits BYTES
megabits() {
	printf '%d.%03d Mbit' $(($1 * 8 / 1000000)) $(($1 * 8 / 1000 % 1000))
}

view_status() {
	local host=$1 state=${at[$1.state]} text

	[[ $host != "$dead" ]] || return 0
	if [[ ! $state ]]; then
		text="no protected guest"
		((${last[$host]} < 0)) || text="the guest runs, unprotected"
	else
		text="${at[$host.role]}, $state"
		[[ ${at[$host.reason]} == none ]] || text+=" (${at[$host.reason]})"
		text+=" | lag $(human "${at[$host.lag-bytes]:-0}")"
		text+=" | log $(human "${at[$host.log-bytes]:-0}")"
		[[ ! ${at[$host.log-rate]} ]] || text+=", $(megabits "${at[$host.log-rate]}")/s"
		text+=" | $((${at[$host.entries-sync]:-0} + ${at[$host.entries-async]:-0})) entries"
		text+=" | $((${at[$host.branches]:-0} / 1000)) k branches"
	fi
	status_line[$host]=$text
	changed=1
	if [[ $state != "${told[$host]-none}" ]] ||
		[[ $state ]] && ((SECONDS - told_at[$host] >= 10)); then
		told[$host]=$state told_at[$host]=$SECONDS
		line "$host" "[$text]"
	fi
}

# view_note HOST TEXT: how it is, as long as ftctl has nothing to say.
view_note() {
	status_line[$1]=$2
	changed=1
	line "$1" "[$2]"
}

view_clients() {
	status_line[world]="clients: TCP stream $(human "${count[stream]}"), ${count[database]} writes to the database"
	changed=1
	((SECONDS - ${told_at[world]:-0} < 10)) && return
	told_at[world]=$SECONDS
	line world "[${status_line[world]}]"
}

view_kill() {
	status_line[host1]="DEAD: power loss"
	view_console host1 '!' "*** power loss ***"
}

# Only of host2 once host1 is dead.
view_state() {
	view_message "demo: $(seconds "$killed" "$EPOCHREALTIME") s after the power loss host2 is in state $1 ($2)"
	[[ $1 != need-secondary ]] ||
		view_console host2 '!' "*** host1 is lost: live from here ***"
}

# Something to see at least every second, or every 15 where lines are printed.
view_look() {
	if [[ $drawing ]]; then
		[[ $changed ]] || ((SECONDS != shown)) || return 0
		shown=$SECONDS changed=''
		view_draw
	elif ((SECONDS - shown >= 15)); then
		line demo "... ${STEPS[step]}, for $((SECONDS - began)) s"
	fi
}

# cell WIDTH TEXT: cut or filled, into $cell.
cell() {
	printf -v cell '%-*.*s' "$1" "$1" "$2"
}

# pane_cell HOST ROW: of its console, into $cell.
pane_cell() {
	# shellcheck disable=SC2178 # a reference to an array
	local -n pane=pane_$1
	local entry=${pane[$2]-}

	cell "$half" "${entry:1}"
	case ${entry:0:1} in
	'!') cell=$red$cell$plain ;;
	+) cell=$green$cell$plain ;;
	esac
}

# One write for one picture, so that it does not flicker.
view_draw() {
	# The last column stays empty: terminals differ in what comes after it.
	local width=$((columns - 1)) below=6 color='' cell='' left rule out i host
	local half=$(((width - 3) / 2)) height=$((rows - 9 - below))
	local first=$((${#pane_host1[@]} > ${#pane_host2[@]} ? ${#pane_host1[@]} : ${#pane_host2[@]}))
	local skip=$((${#messages[@]} > below ? ${#messages[@]} - below : 0))

	first=$((first > height ? first - height : 0))
	printf -v rule '%*s' "$width" ''
	rule=${rule// /-}
	printf -v left 'kvm_ft demo   %d/%d %s' $((step + 1)) ${#STEPS[@]} "${STEPS[step]}"
	cell $((width - 9)) "$left"
	printf -v out '\e[H%s%s%7d s%s\e[K\n%s\e[K\n' "$bold" "$cell" "$SECONDS" "$plain" "$rule"
	cell "$half" "host1: the guest's console"
	left=$cell
	cell "$half" "host2: the guest's console"
	out+="$bold$left | $cell$plain"$'\e[K\n'
	for ((i = 0; i < height; i++)); do
		pane_cell host1 $((first + i))
		left=$cell
		pane_cell host2 $((first + i))
		out+="$left | $cell"$'\e[K\n'
	done
	out+=$rule$'\e[K\n'
	for host in host1 host2 world; do
		color=''
		[[ ${at[$host.state]-} != running ]] || color=$green
		[[ $host != "$dead" ]] || color=$red
		cell "$width" "$host  ${status_line[$host]}"
		out+=$color$cell$plain$'\e[K\n'
	done
	out+=$rule$'\e[K\n'
	for ((i = 0; i < below; i++)); do
		cell "$width" "${messages[skip + i]-}"
		out+=$cell$'\e[K\n'
	done
	printf '%s\e[J' "$out"
}
