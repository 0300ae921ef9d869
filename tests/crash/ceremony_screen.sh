#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2317 # functions called by name
# The full-screen room killed at each prompt of five kinds of ceremony: a key is made, one is typed in, keys
# leave, a key is destroyed, an HSM is set up with its site key. Nothing of it is left, and it can be held.
# The control is what was done: held to its end, the same state is another one.
. "$(dirname "$0")/../integration/screen_lib.sh"
trials=0 lost=0 control_lost=0

# A prompt, '|', and what people answer: KEY, or @ and what the sheet says.
beginning=('Is this room fit|' 'Type Yes to go on|Yes' 'operator PIN|87654321')
of_a=("${beginning[@]}" 'passphrase of officer ana|correct horse' 'passphrase of officer ben|battery staple')
of_b=("${beginning[@]}" 'passphrase of officer cleo|correct horse' 'passphrase of officer dan|battery staple')
people=('Press Enter to begin|' 'fingerprints agree?|y')
showing=('only the two of you|' 'Space shows the component|@space' 'hidden in|@copy' 'identity: |'
	'not from the screen|@check' 'is done|')
typing=('only the two of you|' 'Does your sheet|y' 'ceremony id:|' 'line 1   <- type|@1' 'line 2   <- type|@2'
	'line 3   <- type|@3' 'line 4   <- type|@4' 'that the sheet gives|@check' 'is done|')
over='The ceremony is over|'

# shellcheck disable=SC2034 # all five are used by name
{
	create=("${of_a[@]}" "${people[@]}" "${showing[@]}" "${showing[@]}" "${showing[@]}" "$over")
	import=("${of_b[@]}" "${people[@]}" "${typing[@]}" "${typing[@]}" "${typing[@]}" "$over")
	export=("${of_a[@]}" "$over")
	destroy=("${beginning[@]}" 'Type Yes to go on|Yes' "${of_a[@]:3}" "$over")
	setup=("${beginning[@]:0:2}" 'administrator (SO) PIN|12345678' 'the same again|12345678' 'operator PIN|87654321'
		'the same again|87654321' "${of_a[@]:3}" "${of_a[@]:3}" 'Press Enter to begin|' 'Are these people here|y'
		"${showing[@]}" "${showing[@]}" "${showing[@]}" "$over")
}

# answer_to ANSWER: typed; the sheets on $paper are numbered as components are called.
paper=$TMPDIR/paper
mkdir "$paper"
answer_to() {
	case $1 in
	@space) press Space ;;
	@copy)
		copy_screen "$paper/TK1-$part.txt"
		press Enter
		;;
	@check) type_in "$(sheet_check "$paper/TK1-$part.txt")" ;;
	@?) type_in "$(line_of "$part" "${1#@}")" ;;
	*) type_in "$1" ;;
	esac
}

# walk SITE FILE LAST STEP…: through the room until the step of that number is asked.
walk() {
	local site=$1 file=$2 last=$3 i
	shift 3
	local steps=("$@")
	part=0
	screen_start "$site" ceremony run "$file"
	for ((i = 0; i <= last; i++)); do
		[[ ${steps[i]} != 'only the two'* ]] || part=$((part + 1))
		THROUGH=yes screen_wait "${steps[i]%|*}"
		[ "$i" -eq "$last" ] || answer_to "${steps[i]#*|}"
	done
}

# killed NAME SITE FILE CASE: at each of its prompts but the last, which is shown when all is done.
killed() {
	local name=$1 site=$2 file=$3 case=$4 stop step=1 first=0
	local -n list=$1
	if [ "${SWEEP:-sample}" = sample ]; then
		step=$((${#list[@]} / 2)) first=$((RANDOM % step))
	fi
	for ((stop = first; stop < ${#list[@]} - 1; stop += step)); do
		use "$case"
		snap "$site"
		walk "$site" "$file" "$stop" "${list[@]}"
		kill -9 "$(screen_pid)"
		screen_end
		trials=$((trials + 1))
		equal "$name, killed at '${list[stop]%|*}'" 137 "$CODE"
		"$site" doctor
		before=$failures
		"left_$name"
		[ "$failures" -eq "$before" ] || lost=$((lost + 1))
	done
	[ "$name" != setup ] || use "$case"
	walk "$site" "$file" $((${#list[@]} - 1)) "${list[@]}"
	press Enter
	screen_end
	equal "$name, held at last" 0 "$CODE"
	sound "$name: the site is sound" "$site"
	same_now "$site" || control_lost=$((control_lost + 1))
}
same_now() { # SITE
	state_of "$1" >"$TMPDIR/state.now"
	cmp -s "$TMPDIR/state.before" "$TMPDIR/state.now"
}
no_component() { # NAME SITE
	[ ! -e "$paper/TK1-1.txt" ] || equal "$1: no component on disk" '' \
		"$(leaked "$(sheet_plain "$paper/TK1-1.txt")" "$2"/site/* "$2"/tokens/*/*)"
}
left_create() {
	same_state 'create: nothing is left' a
	no_component create a
}
left_import() {
	same_state 'import: nothing is left' b
	no_component import b
}
left_export() {
	same_state 'export: nothing is left' a
	check 'export: no package' test ! -e package
}
left_destroy() { same_state 'destroy: nothing is left' a; }
# The HSM may be set up by then, without a site key: then a ceremony for that goes on, as the hint says.
left_setup() {
	equal 'setup: no site key yet' 0 "$(active_site_keys)"
	rm -rf made
	mkdir made
	if ! a --yes ceremony run setup.ini --plain --sheets made && [[ $(said) == *'kind site-key-create'* ]]; then
		a --yes ceremony run site-key.ini --plain --sheets made
	fi
	equal 'setup: it goes on, to one site key' 1 "$(active_site_keys)"
	sound 'setup: the site is sound' a
	a key list
	equal 'setup: and to the masters of the plan, once' 3 "$(get '[.result[] | select(.keyset)] | length')"
}
active_site_keys() {
	[ ! -e a/site/cardkms.db ] || sqlite3 -readonly a/site/cardkms.db \
		"SELECT count(*) FROM key_object WHERE role = 'site' AND state = 'active'"
}
# ---- between two sites ----

# heading KIND OFFICERS: of a ceremony file.
heading() {
	printf '[ceremony]\nkind = %s\ntitle = A day in the vault\ndate = %s\n' "$1" "$(date -u +%F)"
	printf '[people]\nofficers = %s\n' "$2"
	printf '[preconditions]\nno-network = no\nno-swap = no\nno-core = no\n'
}
fixture_typing
need b exchange request --from 'Card Maker' --keyset OPMasterKey1 -o request
{
	heading transport-key-create 'ana, ben'
	printf '[key]\nlabel = TK2\nalgorithm = aes256\npartner = Example Bank\n'
	pairs_three
} >create.ini
{
	heading export 'ana, ben'
	printf '[key]\nlabel = TK1\n[files]\nrequest = request\npackage = package\n'
} >export.ini
{
	heading destroy 'ana, ben'
	printf '[key]\nlabel = TK1\n'
} >destroy.ini
keep typing
killed create a create.ini typing
paper=sheets killed import b import.ini typing
killed export a export.ini typing
killed destroy a destroy.ini typing

# ---- a new HSM ----

fixture_officers
quick_passphrases a
plan_maker >plan.ini
{
	heading hsm-setup 'ana, ben'
	printf '[files]\nplan = plan.ini\n[key]\nlabel = TK1\nalgorithm = aes256\n'
	pairs_three
} >setup.ini
{
	heading site-key-create 'ana, ben'
	sed -n '/^\[key\]/,$p' setup.ini
} >site-key.ini
keep vault
killed setup a setup.ini vault

echo "sweep ceremony_screen.kill trials $trials lost $lost control_lost $control_lost"
equal 'nothing was lost' 0 "$lost"
equal 'the controls are another state' 5 "$control_lost"
finish
