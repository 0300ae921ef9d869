#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Key ceremonies on a terminal, by people who follow the prompts, mistype, refuse and press Ctrl-C.
. "$(dirname "$0")/lib.sh"
if ! command -v expect >/dev/null; then
	echo 'skipped: expect is not installed'
	exit 77
fi

# Answers every prompt of both ceremonies. MODE says where somebody goes wrong:
#   retype-once, retype-always   the check value of component 2, at create
#   interrupt                    Ctrl-C when component 2 is on the screen, or is being typed
#   line-once, line-always       line 2 of component 2, at import
#   line-again                   the same until the component is begun again
#   mixed-once                   line 2 of component 2 without its check digits, which line 1 has
#   value-once, value-always     the check value of component 2, at import
#   strangers                    the people or fingerprints are not the ones
#   differ                       custodians of component 2: their sheet says other fingerprints
cat >"$TMPDIR/people.exp" <<'END'
set timeout 30
log_user 0
log_file -noappend -a $env(RAW)
set mode $env(MODE)
set part 0
set shown ""
set again 0
array set wrong {retype 0 line 0 mixed 0 value 0}
proc once_or_always {what} {
	global mode wrong part
	if {$part != 2 || ($mode ne "$what-always" && ($mode ne "$what-once" || $wrong($what)))} {
		return 0
	}
	incr wrong($what)
	return 1
}
spawn -noecho bash -c $env(CALL)
expect {
	-re {Press Enter to begin} { send "\r"; exp_continue }
	-re {both sites' fingerprints agree\? \[y/n\] } {
		send [expr {$mode eq "strangers" ? "n\r" : "y\r"}]
		exp_continue
	}
	-re {Component ([0-9]+) of .*only the two of you see the screen} {
		set part $expect_out(1,string)
		send "\r"
		exp_continue
	}
	-re {check value +([0-9A-F]+) +\([^)]*\).*Press Enter when it is copied} {
		set shown $expect_out(1,string)
		if {$mode eq "interrupt" && $part == 2} { send "\x03" } else { send "\r" }
		exp_continue
	}
	-re {Does your sheet say the same\? \[y/n\] } {
		send [expr {$mode eq "differ" && $part == 2 ? "n\r" : "y\r"}]
		exp_continue
	}
	-re {ceremony id:  $} { send "$env(SHEETS_CEREMONY)\r"; exp_continue }
	-re {line ([0-9]+):  $} {
		set line $expect_out(1,string)
		set digits [lindex [split $env(COMPONENT_$part) "|"] [expr {$line - 1}]]
		if {$line == 2 && $mode eq "interrupt" && $part == 2} {
			send "12\x03"
		} elseif {$line == 2 && ([once_or_always line] || ($part == 2 && $mode eq "line-again" && !$again))} {
			send "0000000000000000 FF\r"
		} elseif {$line == 2 && [once_or_always mixed]} {
			send "[regsub { [0-9A-F]+$} $digits {}]\r"
		} else {
			send "$digits\r"
		}
		exp_continue
	}
	-re {Start this component again at line 1\? \[y/n\] } {
		send [expr {$mode eq "line-again" ? "y\r" : "n\r"}]
		set again 1
		exp_continue
	}
	-re {check value:  $} {
		if {[info exists env(CHECK_$part)]} { set shown $env(CHECK_$part) }
		if {[once_or_always retype] || [once_or_always value]} {
			send "000000\r"
		} else {
			send "$shown\r"
		}
		exp_continue
	}
	-re {Press Enter when (this is on the sheet too|it is done)} { send "\r"; exp_continue }
	timeout { send_user "TIMEOUT\n"; exit 98 }
	eof
}
lassign [wait] pid spawn_id error status
exit $status
END

# ceremony MODE SITE WORD…: on a terminal of its own; RAW is all that it was sent. The PIN and the
# officers' passphrases come by --pin-fd, so that only the ceremony is on the terminal.
ceremony() {
	local mode=$1 site=$2 officers
	shift 2
	RAW=$TMPDIR/raw
	officers=$(<"$HERE/$site/officers")
	CODE=0
	: >"$ERR"
	CALL="SOFTHSM2_CONF=$HERE/$site/softhsm.conf cardkms -s $HERE/$site/site --pin-fd 3 \
		--officers $officers $(printf '%q ' "$@") 3<$HERE/$site/secrets
		code=\$?
		echo; stty -a
		exit \$code" MODE=$mode RAW=$RAW expect -f "$TMPDIR/people.exp" >"$OUT" 2>"$ERR" || CODE=$?
	# As it was shown, for messages.
	sed 's/\x1b\[[0-9;?]*[a-zA-Z]//g' "$RAW" | tr -d '\r' | tail -n 40 >"$OUT"
	return "$CODE"
}

create() { # MODE
	ceremony "$1" a transport-key create TK --algorithm aes256 --components 3 \
		--partner 'Example Bank' --pairs pairs.ini
}
import() { # MODE
	ceremony "$1" b transport-key import TK --algorithm aes256 --components 3 \
		--partner 'Card Maker' --pairs pairs.ini --check-value "$check_value"
}

terminal_as_before() { # NAME
	local text
	text=$(<"$RAW")
	check "$1: the screen is put back" test "${text%$'\e[?1049l'*}" != "$text"
	check "$1: nothing of the ceremony is shown after it" has "$text" $'\e[?1049h … \e[3J … \e[?1049l'
	check "$1: echo and lines are on again" bash -c 'tr "\n;" "  " | grep -q " icanon .* echo "' <"$RAW"
}

# A ceremony that comes to nothing: exit status, what is said, what is left.
stops() { # NAME SITE CODE TEXT create|import MODE
	snap "$2"
	"$5" "$6"
	equal "$1: exit status" "$3" "$CODE"
	check "$1: says why" has "$(<"$OUT")" "$4"
	same_state "$1: nothing is left" "$2"
	equal "$1: the ceremony is kept as failed" failed \
		"$(sqlite3 -readonly "$2/site/cardkms.db" 'SELECT state FROM ceremony ORDER BY rowid DESC LIMIT 1')"
	terminal_as_before "$1"
}

fixture_pair

# ---- create ----

use pair
create well
equal 'create: exit status' 0 "$CODE"
terminal_as_before 'create'
cp "$RAW" created

# The sheets, as the custodians copied them from the screen: one file each, as --sheets makes them.
mkdir sheets
sed 's/\x1b\[[0-9;?]*[a-zA-Z]//g' created | tr -d '\r' >plain
for i in 1 2 3; do
	sed -n "/component $i of 3\$/,/^check value.*(/p" plain >sheets/TK-$i.txt
done
a key show TK
check_value=$(get .result.check_value)
sheets_ceremony=$(sheet_ceremony sheets/TK-1.txt)
equal 'create: the three sheets are of this ceremony' "$(get .result.ceremony)" "$sheets_ceremony"
if command -v openssl >/dev/null; then
	equal 'create: what was shown makes the key' "$(check_value_of aes256 "$(combined TK 3)")" "$check_value"
fi
for i in 1 2 3; do
	line=$(sed -n 's/^4: *//p' sheets/TK-$i.txt)
	text=$(<created)
	equal "create: component $i is shown once" 2 "$(awk -v RS="$line" 'END { print NR }' created)"
	after=${text#*"$line"}
	wiped=${after%%$'\e[2J\e[3J'*}
	check "create: and wiped, with what scrolled off, before anybody else is called" \
		test "$wiped" != "$after" -a "${wiped/is done/}" = "$wiped" -a "${wiped/Call /}" = "$wiped"
	equal "create: component $i is nowhere else" '' "$(leaked "$(sheet_plain sheets/TK-$i.txt)" a/site/* a/tokens/*/*)"
done
rm plain
export SHEETS_CEREMONY=$sheets_ceremony
for i in 1 2 3; do
	export "COMPONENT_$i=$(sed -n 's/^[0-9]: *//p' sheets/TK-$i.txt | tr '\n' '|')"
done
keep created

use pair
create retype-once
equal 'create: a check value typed wrong once: exit status' 0 "$CODE"
check 'create: a check value typed wrong once: is said, with what to do' has "$(tr -d '\r' <"$RAW")" \
	'** component 2: the check value typed is not that of the component shown … type it from the sheet again … 2 tries left'
use pair
stops 'create: typed wrong three times' a 3 'component 2: the check value typed is not that' create retype-always
stops 'create: strangers in the room' a 1 'the people in the room or the fingerprints were not confirmed' \
	create strangers
stops 'create: Ctrl-C at component 2' a 1 'cardkms:' create interrupt
create well
equal 'create: and then all is right' 0 "$CODE"
sound 'sound after that' a

# ---- import ----

export CHECK_1 CHECK_2 CHECK_3
CHECK_1=$(sheet_check "$FIXTURES/created/sheets/TK-1.txt")
CHECK_2=$(sheet_check "$FIXTURES/created/sheets/TK-2.txt")
CHECK_3=$(sheet_check "$FIXTURES/created/sheets/TK-3.txt")

masked() { # NAME: nothing of a component was shown
	local i shown=''
	for i in 1 2 3; do
		shown+=$(leaked "$(sheet_plain sheets/TK-$i.txt)" "$RAW" b/site/* b/tokens/*/*)
	done
	equal "$1: no digit of a component is shown or kept" '' "$shown"
}

use created
for mode in well line-once line-again mixed-once value-once; do
	import $mode
	equal "import: $mode: exit status" 0 "$CODE"
	check "import: $mode: the check value" has "$(<"$OUT")" "check value         $check_value"
	masked "import: $mode"
	terminal_as_before "import: $mode"
	case $mode in
	line-once)
		check 'import: a line typed wrong: is said at once, with the groups' \
			has "$(tr -d '\r' <"$RAW")" \
			'** component 2: line 2 (groups 5 to 8) does not agree with its check digits … compare line 2'
		;;
	line-again)
		check 'import: a component begun again: is asked, and goes on from line 1' has \
			"$(tr -d '\r' <"$RAW")" 'Start this component again at line 1? … line 1:'
		;;
	mixed-once)
		check 'import: check digits of some lines only: is said' has "$(tr -d '\r' <"$RAW")" \
			'** component 2: line 2 has no check digits, line 1 has them … of all lines, or of none'
		;;
	value-once)
		check 'import: a check value typed wrong: is said' has "$(tr -d '\r' <"$RAW")" \
			'** component 2: … check value … tries left … Component 3 of 3'
		;;
	esac
	sound "import: $mode: sound" b
	use created
done
check 'import: its component is typed as bullets' grep -q '••••' "$TMPDIR/raw"
stops 'import: a line typed wrong for ever' b 1 'component 2 was given up at line 2' import line-always
masked 'import: a line typed wrong for ever'
stops 'import: a check value wrong for ever' b 3 'component 2: the digits entered do not give the check value' \
	import value-always
stops 'import: strangers in the room' b 1 'the people in the room or the fingerprints were not confirmed' \
	import strangers
stops 'import: fingerprints on the sheet differ' b 1 'the custodians of component 2 say that the fingerprints' \
	import differ
stops 'import: Ctrl-C while component 2 is typed' b 1 'cardkms:' import interrupt
masked 'import: Ctrl-C'
import well
equal 'import: and then all is right' 0 "$CODE"
b ceremony list
equal 'ceremonies: every one that came to nothing is listed' 5 \
	"$(get '[.result[] | select(.state == "failed")] | length')"
sound 'sound at the end' b
finish
