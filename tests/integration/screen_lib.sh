# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The full screen of a ceremony, in a terminal of tmux: what is on it is read, and keys are typed, as by
# people.
#
#   screen_start a ceremony run day.ini
#   screen_wait 'Press Enter to begin' && press Enter
#   type_in 'Yes'                    # and Enter
#   screen_end                       # waits for its end; CODE and ERR are its own
#
# SCREEN_FD=1 gives it the site's secrets by --pin-fd; SCREEN_ENV holds further words for env.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
if ! command -v tmux >/dev/null; then
	echo 'skipped: tmux is not installed'
	exit 77
fi

SCREEN_ENV=()
SCREEN_TERM=${SCREEN_TERM:-screen}
KEYS=0 # keystrokes since it was last set to 0

tmux_() { tmux -S "$TMPDIR/tmux" -f /dev/null "$@"; }

screen_over() { tmux_ kill-server 2>/dev/null || true; }
trap screen_over EXIT

# The server lives as long as the script: it ends with its last session otherwise, and takes a moment.
screen_server() {
	[ ! -S "$TMPDIR/tmux" ] || return 0
	tmux_ new-session -d -s keep -x 80 -y 24 'exec sleep 3600'
	tmux_ set-option -g history-limit 5000
	tmux_ set-option -g default-terminal "$SCREEN_TERM"
}

# screen_start SITE WORD…: cardkms on that site, 80 columns by 24 lines.
screen_start() {
	local site=$1 fd=()
	shift
	screen_server
	secret_lines "$HERE/$site/secrets" >"$TMPDIR/lines"
	[ -z "${SCREEN_FD:-}" ] || fd=(--pin-fd 3)
	rm -f "$TMPDIR/code" "$TMPDIR/pid"
	token_for "$site"
	cat >"$TMPDIR/start" <<-END
		exec 3<$(printf %q "$TMPDIR/lines") 2>$(printf %q "$ERR")
		cd $(printf %q "$HERE")
		env LANG=C.UTF-8 $(printf '%q ' "${token_env[@]}" "${SCREEN_ENV[@]}") bash -c \
			'echo \$\$ >$(printf %q "$TMPDIR/pid"); exec "\$@"' - \
			cardkms -s $(printf '%q ' "$HERE/$site/site" "${fd[@]}" "$@")
		echo \$? >$(printf %q "$TMPDIR/code.new")
		mv $(printf %q "$TMPDIR/code.new") $(printf %q "$TMPDIR/code")
		exec sleep 3600
	END
	tmux_ kill-session -t room 2>/dev/null
	tmux_ new-session -d -s room -x 80 -y 24 "exec bash $(printf %q "$TMPDIR/start")"
	tmux_ pipe-pane -t room "exec cat >>$(printf %q "$TMPDIR/raw")"
}

# All that can be seen, with what has scrolled off.
screen() { tmux_ capture-pane -p -S - -t room; }
screen_pid() { cat "$TMPDIR/pid"; }

# screen_wait TEXT: until it is on the screen. No longer than half a minute.
screen_wait() {
	local i
	for ((i = 0; i < 600; i++)); do
		if screen >"$TMPDIR/screen" && grep -qF -- "$1" "$TMPDIR/screen"; then
			return 0
		fi
		[ ! "${THROUGH:-}" ] || ! grep -qF 'There is more' "$TMPDIR/screen" || press Enter
		sleep 0.05
	done
	{
		echo "not on the screen: $1"
		cat "$TMPDIR/screen" "$ERR"
	} | failed 'the screen'
	finish
}

press() { # KEY…, as tmux names them
	KEYS=$((KEYS + $#))
	tmux_ send-keys -t room "$@"
}
type_text() { # TEXT
	KEYS=$((KEYS + ${#1}))
	tmux_ send-keys -t room -l -- "$1"
}
type_in() {
	type_text "$1"
	press Enter
}
# approve TEXT WORDS: as answer, past all parts of what is to be approved.
approve() {
	THROUGH=yes screen_wait "$1"
	type_in "$2"
}

# answer TEXT WORDS: types them when the prompt is there.
answer() {
	screen_wait "$1"
	type_in "$2"
}

screen_size() { # COLUMNS LINES
	tmux_ resize-window -t room -x "$1" -y "$2"
}

# Until the program has ended; its exit status is CODE.
screen_end() {
	local i
	for ((i = 0; i < 600; i++)); do
		if [ -e "$TMPDIR/code" ]; then
			CODE=$(<"$TMPDIR/code")
			screen >"$OUT"
			return 0
		fi
		sleep 0.05
	done
	screen | failed 'the program does not end'
	finish
}

# ---- a transport key TK1 of three components ----

# day KIND OFFICERS KEY-LINE…: a ceremony file with three components.
day() {
	printf '[ceremony]\nkind = %s\ntitle = A day in the vault\ndate = %s\n' "$1" "$(date -u +%F)"
	printf '[people]\nofficers = %s\nwitnesses = W. Stone\n' "$2"
	printf '[preconditions]\nno-network = no\nno-swap = no\nno-core = no\n'
	printf '[key]\nlabel = TK1\nalgorithm = aes256\n'
	printf '%s\n' "${@:3}"
	pairs_three
}

# From the program's start to the call of the first pair.
enter() {
	screen_wait 'Is this room fit'
	press Enter
	answer 'Type Yes to go on' Yes
	screen_wait 'Press Enter to begin'
	press Enter
	screen_wait 'There is more'
	press Enter
	answer 'fingerprints agree? [y/n]' y
}
called() { # N
	screen_wait "Component $1 of 3: "
	screen_wait 'only the two of you see the screen'
	press Enter
}

# copy_screen FILE: the sheet that is on the screen, as custodians copy it.
copy_screen() {
	screen_wait '4:  '
	{
		sed -n 's/.*ceremony \([0-9A-Z-]*\) .*/ceremony  \1/p; s/^ *\([1-4]: .*\)/\1/p' "$TMPDIR/screen"
		sed -n 's/^ *\(check value .*\)/\1/p' "$TMPDIR/screen"
	} >"$1"
}

compared() {
	called "$1"
	screen_wait 'There is more'
	press Enter
	answer 'Does your sheet say the same?' y
	answer 'ceremony id:' "$(sheet_ceremony sheets/TK1-1.txt)"
	screen_wait 'line 1   <- type this line'
}
line_of() { sed -n "s/^$2: *//p" sheets/TK1-"$1".txt; }
entered() { # N
	local line
	for line in 1 2 3 4; do
		screen_wait "line $line   <- type this line"
		type_in "$(line_of "$1" $line | tr -d ' ')"
	done
	screen_wait 'that the sheet gives'
	type_in "$(sheet_check sheets/TK1-"$1".txt)"
}

# fixture_typing: "typing": a key made at a, its sheets in sheets/, and import.ini to type them in at b.
fixture_typing() {
	fixture_pair
	mkdir sheets
	need a transport-key create TK1 --algorithm aes256 --components 3 \
		--partner 'Example Bank' --pairs pairs.ini --sheets sheets
	day transport-key-import 'cleo, dan' 'partner = Card Maker' \
		"check-value = $(get .result.check_value)" >import.ini
	keep typing
}
