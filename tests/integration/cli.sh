#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The command line: help, words that are wrong, JSON, exit status, --pin-fd, completion, man page.
. "$(dirname "$0")/lib.sh"

mapfile -t commands < <(sed -n 's/^\t\t\.path = "\(.*\)",$/\1/p' "$CARDKMS_SOURCE/src/cli/commands.c")
check 'the command table was found' test "${#commands[@]}" -gt 40

# ---- help ----

ok 'help' plain help
for noun in site partner officer hsm key transport-key exchange ceremony audit doctor; do
	check "help: tells of $noun" grep -q "$noun" "$OUT"
done
ok '--help' plain --help
ok '--version' plain --version
check '--version: a number' grep -q '^cardkms [0-9]' "$OUT"
ok 'help on a noun' plain help key
check 'help on a noun: its verbs' grep -q 'key destroy LABEL' "$OUT"
for command in "${commands[@]}"; do
	# shellcheck disable=SC2086 # its words
	plain $command --help
	first=$CODE
	cp "$OUT" "$TMPDIR/first"
	# shellcheck disable=SC2086
	plain help $command
	check "help on '$command'" test "$first$CODE" = 00 -a -s "$OUT" -a ! -s "$ERR"
	check "help on '$command': twice the same" cmp "$TMPDIR/first" "$OUT"
done
refused 'help on what there is not' 2 'nonsense' plain help nonsense
refused 'nothing at all' 2 'no command given … cardkms help' plain
check 'nothing at all: nothing on standard output' test ! -s "$OUT"

# ---- words ----

fixture_site
use site
refused 'a noun that there is not' 2 "no command 'kee list' … did you mean 'key'" plain --json kee list
refused 'a verb that there is not' 2 "no command 'key lits' … cardkms help key" plain --json key lits
refused 'a noun and no verb' 2 "'key' … cardkms help key" plain --json key
refused 'an option that there is not' 2 "'--keysets'" a key list --keysets X
refused 'an option of another command' 2 "'--plan'" a key list --plan x
refused 'an option without its value' 2 '--keyset' a key list --keyset
refused 'an option twice' 2 '--keyset' a key list --keyset A --keyset B
refused 'an option that is required' 2 '--plan' a hsm update
refused 'a value for a switch' 2 '--erase' a hsm setup --erase=yes
refused 'a word too many' 2 "'more'" a key show OPMasterKeyENC1 more
refused 'a word too few' 2 'LABEL' a key show
refused 'a word for a command without' 2 "'x'" a site status x
refused '-s without a folder' 2 '-s' plain --json key list -s
refused 'no site' 2 'which site? … CARDKMS_SITE' plain --json key list
refused 'a short option that there is not' 2 "'-x'" a key list -x
ok 'options before and after' plain key list -s a/site --json
ok 'option=value' a key list --keyset=OPMasterKey1
refused 'a word after --' 2 '' a key list -- --json
refused 'a dry run of what changes nothing' 2 'changes nothing: no --dry-run' a --dry-run officer list

# ---- JSON ----

for call in 'kee list' 'key show' 'key show Nothing' 'audit verify /none' 'key list --state x'; do
	# shellcheck disable=SC2086
	plain -s a/site --json $call
	check "JSON of '$call'" json_sound
	equal "JSON of '$call': its members" 'cardkms command error ok result' \
		"$(get 'keys_unsorted | sort | join(" ")')"
	equal "JSON of '$call': of its error" 'code hint message native' \
		"$(get '.error | keys_unsorted | sort | join(" ")')"
done
a key show Nothing
equal 'JSON: names the command' 'key show not-found' "$(get '.command + " " + .error.code')"
for command in 'site status' 'site identity' 'partner list' 'officer list' 'hsm status' 'hsm check' \
	'hsm capabilities' 'key list' 'exchange list' 'ceremony list' 'audit list' 'audit verify' 'doctor'; do
	# shellcheck disable=SC2086
	ok "JSON: $command" a $command
	# shellcheck disable=SC2086
	TEXT=1 ok "text: $command" a $command
	check "text: $command: no JSON" test "$(head -c 1 "$OUT")" != '{'
done
TEXT=1 a key show Nothing
check 'text: an error is on stderr only' test ! -s "$OUT" -a -s "$ERR"

# ---- standard output that takes nothing ----

# shellcheck disable=SC2317 # called through refused
full() { # WORD…: with standard output to /dev/full
	CODE=0
	: >"$OUT"
	cardkms "$@" >/dev/full 2>"$ERR" || CODE=$?
}
for call in '--json key list' 'key list' 'audit list' 'help' 'version' 'help --man' 'key list --help'; do
	# shellcheck disable=SC2086
	refused "/dev/full: $call" 1 'cannot write to standard output' full -s a/site $call
done
# shellcheck disable=SC2317
closed() {
	CODE=0
	cardkms "$@" >&- 2>"$ERR" || CODE=$?
}
refused 'standard output closed' 1 'standard output' closed -s a/site --json key list
plain -s a/site key list
cardkms -s a/site audit list 2>"$ERR" | head -n 1 >/dev/null
check 'a reader that goes away' test "${PIPESTATUS[0]}" -le 1

# ---- --pin-fd ----

# shellcheck disable=SC2317
fd() { # TEXT WORD…: audit checkpoint, which needs the PIN, with that text on descriptor 3
	CODE=0
	SOFTHSM2_CONF=$HERE/a/softhsm.conf cardkms -s a/site --json --pin-fd "${fd_number-3}" "${@:2}" \
		>"$OUT" 2>"$ERR" 3< <(printf '%s' "$1") || CODE=$?
	return "$CODE"
}
runs[fd]=a
for fd_number in x -1 '' 3x 99999999999 1e3; do
	refused "--pin-fd '$fd_number'" 2 "--pin-fd" fd 'pin=87654321' audit checkpoint
done
fd_number=77 refused '--pin-fd: closed' 1 'cannot read the secrets from --pin-fd 77 … 3< FILE' \
	fd 'pin=87654321' audit checkpoint
unset fd_number
ok '--pin-fd: as it should be' fd 'pin=87654321' audit checkpoint
ok '--pin-fd: CR at the end, empty lines' fd $'\npin=87654321\r\n\n' audit checkpoint
refused '--pin-fd: a name twice' 1 'pin' fd $'pin=87654321\npin=87654321' audit checkpoint
refused '--pin-fd: a line that is none' 1 'line 2: not name=value' fd $'pin=87654321\nhunter2hunter2' \
	audit checkpoint
check '--pin-fd: such a line is not repeated' bash -c '! grep -q hunter2 "$@"' - "$OUT" "$ERR"
refused '--pin-fd: the wrong way round' 1 '' fd '87654321=pin' audit checkpoint
check '--pin-fd: that is not repeated either' bash -c '! grep -q 87654321 "$@"' - "$OUT" "$ERR"
refused '--pin-fd: nothing on it' 1 'no terminal … operator PIN … pin=' fd '' audit checkpoint
refused '--pin-fd: without end' 1 'holds more than' fd "$(printf '%20000s' '')" audit checkpoint
ok '--pin-fd: a name that nothing asks for' fd $'pin=87654321\npim=1234' audit checkpoint
check '--pin-fd: is said' has "$(said)" "no command asks for 'pim'"
equal '--pin-fd: without its value' '' "$(grep 1234 "$ERR")"

# ---- core dumps and other processes' eyes ----

# Nothing of the PIN in argv or environment, and the process cannot be dumped: from outside only
# what /proc says of a process that waits for its secrets can be seen.
mkfifo secrets
SOFTHSM2_CONF=$HERE/a/softhsm.conf cardkms -s a/site --pin-fd 4 audit checkpoint >"$OUT" 2>"$ERR" 4<>secrets &
waiting=$!
for ((i = 0; i < 100; i++)); do
	grep -q cardkms "/proc/$waiting/comm" 2>/dev/null && break
	sleep 0.05
done
sleep 0.3
check 'a core dump is limited to nothing' grep -q '^Max core file size *0 *0 ' "/proc/$waiting/limits"
kill "$waiting"
wait "$waiting" 2>/dev/null

# ---- completion and man page ----

cardkms help --bash-completion >completion
ok 'completion: written' plain help --bash-completion
check 'completion: bash takes it' bash -n completion
complete_words() { # WORD…: what may stand for the last one
	bash -c '. ./completion
		COMP_WORDS=("$@")
		COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
		_cardkms
		printf "%s\n" "${COMPREPLY[@]}"' - cardkms "$@"
}
equal 'completion: a noun' transport-key "$(complete_words tran)"
equal 'completion: the verbs of a noun' 'create import' "$(complete_words transport-key '' | sort | xargs)"
equal 'completion: a verb' destroy "$(complete_words -s a/site key des)"
equal 'completion: an option' --keyset "$(complete_words key list --ke)"
equal 'completion: an algorithm' 'aes128 aes192 aes256' \
	"$(complete_words transport-key create x --algorithm aes | xargs)"
equal 'completion: of the longer of two commands' -o "$(complete_words site identity export -o)"
equal 'completion: a global option' --officers "$(complete_words key destroy x --off)"
equal 'completion: every noun' \
	"$(grep -rhoE '\.path = "[a-z-]+' "$CARDKMS_SOURCE/src/cli" | sed 's/.*"//' | sort -u | xargs)" \
	"$(complete_words '' | grep -v '^-' | sort | xargs)"
for command in "${commands[@]}"; do
	read -r noun verb _ <<<"$command"
	[ "$verb" ] || continue
	complete_words "$noun" '' >"$TMPDIR/verbs"
	grep -qxF "$verb" "$TMPDIR/verbs" || missing+=" $command"
done
equal 'completion: every verb' '' "${missing:-}"
ok 'man page' plain help --man
for command in "${commands[@]}"; do
	grep -qF -- "${command// /\\ }" "$OUT" || grep -qF -- "$command" "$OUT" || unwritten+=" $command"
done
equal 'man page: every command' '' "${unwritten:-}"
if command -v mandoc >/dev/null; then
	cp "$OUT" cardkms.1
	# It bears no date, so that a build can be repeated.
	equal 'man page: mandoc has no complaint' '' \
		"$(mandoc -T lint -W warning cardkms.1 | grep -v 'missing date')"
	mandoc -T utf8 cardkms.1 >rendered 2>&1
	check 'man page: mandoc renders it' grep -q transport-key rendered
fi
finish
