#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2119
# What goes wrong with a card: the message, and what registry and card hold afterwards.
# Pulled cards: card_torn.sh. pcscd, no reader, no card, mute: card_pcscd.sh.
. "$(dirname "$0")/card_lib.sh"

fixture_cards

# ---- no card that could be worked on ----

use cards
sim --profile gp23-scp03
sim_stop
refused 'nobody listens' 1 'there is no card at … Connection refused' inject2
refused 'not on this machine' 1 'is not on this machine … local reader' \
	a card inject --reader tcp:192.0.2.1:35963 --keyset OPMasterKey2 --customer 'Example Bank'
refused 'no address' 2 'HOST:PORT' a card info --reader tcp:nonsense
sim_again
PCSCLITE_CSOCK_NAME=$TMPDIR/none refused 'no pcscd' 1 'SCARD_E_NO_SERVICE … smart card service (pcscd) does not run … start it' \
	a card info
PCSCLITE_CSOCK_NAME=$TMPDIR/none ok 'a list without pcscd has the registry' a card list
refused 'unknown profile' 1 "no card profile 'jcop5' … did you mean 'jcop4' … gp211" inject2 --profile jcop5
refused 'a profile is no path' 1 'no card profile' inject2 --profile ../../etc/passwd
refused 'unknown key set' 1 "no key set 'Nobody' … " a card inject --reader "$R" --keyset Nobody --customer 'Example Bank'

cat >"$SIMS/other.ini" <<'END'
[card]
version = 2.3.1
scp03 = 70
[key-set FF]
type = aes
enc = 404142434445464748494A4B4C4D4E4F
mac = 404142434445464748494A4B4C4D4E4F
dek = 404142434445464748494A4B4C4D4E4F
END
sim --profile "$SIMS/other.ini" --fault sw:1:6D00 --fault sw:2:6A82
refused 'no GlobalPlatform card' 1 'SW 6A82 … is not a GlobalPlatform card' inject2

# life cycle: 7F is CARD_LOCKED, FF is TERMINATED
printf '[isd]\naid = A000000151000000\nlife = 7F\n' | cat "$SIMS/other.ini" - >"$SIMS/locked.ini"
sim --profile "$SIMS/locked.ini"
refused 'a locked card' 1 'SW 6283 … is locked (CARD_LOCKED)' inject2 --profile gp23-scp03
ok 'info of a locked card' a card info --reader "$R"
equal 'which says so' true "$(get .result.locked)"
sed -i 's/life = 7F/life = FF/' "$SIMS/locked.ini"
sim --profile "$SIMS/locked.ini"
refused 'a terminated card' 1 'SW 6A81 … is not a GlobalPlatform card … terminated' inject2 --profile gp23-scp03

# ---- keys that do not fit ----

use cards
sim --profile gp23-scp03
refused 'of another customer: inject' 1 "'OtherMaster2' for Example Bank: it belongs to Other Bank … --override" \
	a card inject --reader "$R" --keyset OtherMaster2 --customer 'Example Bank'
refused 'for another customer: inject' 1 "'OPMasterKey2' for Other Bank: it belongs to Example Bank" \
	a card inject --reader "$R" --keyset OPMasterKey2 --customer 'Other Bank'
refused 'a type that the card does not have' 1 'weaker' \
	a card inject --reader "$R" --keyset OPMasterKey1 --customer 'Example Bank'
ok 'injected' inject2
ours=$(keys_on)
use cards
refused 'wrong master key set' 3 "'WrongMaster2 … does not open the card … no try was spent" \
	replace2 --from WrongMaster2
equal 'nothing was sent beyond INITIALIZE UPDATE' "$ours 0" "$(keys_on) $(failures_on)"
ok 'the right one does: as recorded from now on' a card verify --reader "$R" --keyset OPMasterKey2
refused 'of another customer: replace' 1 "'OtherMaster2' … it belongs to Other Bank … --override" \
	a card replace --reader "$R" --keyset OtherMaster2
refused 'another old set than recorded' 1 "carries 'OPMasterKey2' in version 30, says the registry, not 'OtherMaster2'" \
	replace2 --from OtherMaster2
refused 'by itself' 2 'cannot be replaced by itself' replace2 --from BankMaster2
refused 'another set where one is' 1 "has no initial keys any more … 'OPMasterKey2' … card replace --from" \
	a card inject --reader "$R" --keyset BankMaster2 --customer 'Example Bank'
refused 'a version that is not there' 1 'no key set of version 44 … has versions 30' \
	replace2 --from-version 44 --key-version 45
refused 'a version that is none' 2 '--key-version' replace2 --key-version 99
refused 'nothing to resume' 1 'nothing to resume' a card resume --reader "$R"
equal 'as it was' "$ours active|active|OPMasterKey2|48|0" "$(keys_on) $(registry)"
OFFICERS=ana,ben ok 'of another customer, by two officers' \
	a --override 'bought by them' card replace --reader "$R" --keyset OtherMaster2
equal 'which intent and outcome have' 2 "$(query "SELECT count(*) FROM audit_entry WHERE text LIKE '%bought by them%'
	AND text LIKE '%belongs to Other Bank%' AND text LIKE '%outcome%'")"

# ---- another card than it says ----

use cards
sim --profile gp23-scp03
ok 'injected' inject2
sim_stop
jq '.config.kdd = "0000000000AA00010000"' "$CARD" >"$SIMS/edited" && cp "$SIMS/edited" "$CARD"
sim_again
refused 'diversification data other than recorded' 3 'another card is in … 0000000000AA00010000' replace2
equal 'no try was spent' 0 "$(failures_on)"
refused 'nor is it verified' 3 'another card is in' a card verify --reader "$R"

# Swapped in mid-session: from that command on another card answers.
for at in 3 4 5 6; do
	use cards
	sim --profile gp23-scp03
	ok "injected ($at)" inject2
	before=$(keys_on)
	sim_again --fault swap:$at
	replace2
	check "swapped at $at: not done" test "$CODE" -ne 0
	sim_again
	if [ "$(change_is)" = 'intended|open' ] || [ "$(change_is)" = 'put|open' ]; then
		ok "swapped at $at: resume" a card resume --reader "$R"
	fi
	ok "swapped at $at: verified" a card verify --reader "$R"
	equal "swapped at $at: the card was not lost" 0 "$(failures_on)"
	check "swapped at $at: one set or the other" test -n "$(keys_on)" -a -n "$before"
done

# ---- PUT KEY refused: the fifth command of a known card ----

refusal() { # SW "part of … the hint"
	use cards
	sim --profile gp23-scp03
	need inject2
	local before
	before=$(keys_on)
	sim_again --fault "sw:5:$1"
	failed_as "PUT KEY refused, $1" 1 "PUT KEY was refused: SW $1 … $2" replace2
	equal "$1: the change is closed" 'intended|refused' "$(change_is)"
	equal "$1: the card has what it had" "$before" "$(keys_on)"
	equal "$1: and the registry knows" 'active|active|OPMasterKey2|48|0' "$(registry | sed 's/1$/0/')"
	equal "$1: in the history" 'inject refused' "$(events)"
	check "$1: in the log" grep -q '"outcome":"refused"' \
		<(query "SELECT text FROM audit_entry WHERE operation = 'card.replace'")
	sim_again
	ok "$1: replaced, then" replace2
}
refusal 6A80 'another key type or size … encoding'
refusal 6982 'DEK of the set in use is not the one on the card'
refusal 6985 'state does not allow'
refusal 6A84 'no room for one more key set'

# It said no, and did it: what the card does counts.
use cards
sim --profile gp23-scp03
need inject2
sim_again --fault sw-after:5:6A80
ok 'said no and did it' replace2
equal 'so it is done' 'active|active|BankMaster2|48|0' "$(registry)"

# ---- the check value differs: SCP02 without R-MAC, the last byte of the answer ----

use cards
sim --profile gp211-scp02
need inject1
sim_again --fault corrupt:5
failed_as 'check values differ' 3 'quarantined: the card confirmed other check values' replace1
equal 'quarantined' 'doubted|quarantined' "$(change_is)"
equal 'and visible' 'quarantined|quarantined|OPMasterKey1|32|0' "$(registry | sed 's/[12]$/0/')"
ok 'in the list' a card list --state quarantined
check 'with what was seen' test "$(get '.result.cards[0].state_reason | length')" -gt 20
refused 'not touched again' 1 'is quarantined … --override' replace1
refused 'nor verified' 1 'is quarantined … --override' a card verify --reader "$R"
OFFICERS=ana,ben failed_as 'the recorded set is not on it' 3 'no key set of version 20' \
	a --override 'looked into it' card verify --reader "$R"
OFFICERS=ana,ben ok 'two officers prove the new set' \
	a --override 'looked into it' card verify --reader "$R" --keyset BankMaster1
equal 'which ends the quarantine' 'active|active|BankMaster1|33|0' "$(registry)"
equal 'history' 'inject quarantined verify-failed found verified' "$(events)"

# ---- tries are counted, and end at two ----

use cards
sim --profile gp23-scp03
need inject2
for try in 1 2; do
	sim_again --fault sw:4:6300
	failed_as "EXTERNAL AUTHENTICATE refused, $try" 3 'EXTERNAL AUTHENTICATE was refused: SW 6300' \
		a card verify --reader "$R"
done
equal 'two are spent' 'active|active|OPMasterKey2|48|2' "$(registry)"
sim_again
refused 'a third is not sent: verify' 1 '2 EXTERNAL AUTHENTICATEs failed … --override' a card verify --reader "$R"
refused 'a third is not sent: replace' 1 '2 EXTERNAL AUTHENTICATEs failed … --override' replace2
OFFICERS=ana,ben ok 'two officers allow one more' a --override 'contacts cleaned' card verify --reader "$R"
equal 'success counts from zero' 'active|active|OPMasterKey2|48|0' "$(registry)"

finish
