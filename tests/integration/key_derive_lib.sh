# shellcheck shell=bash disable=SC2317,SC2034,SC2154 # functions called by name; for those who source it
# SPDX-License-Identifier: Apache-2.0
# Sites that derive keys of many cards, and a reader of the files that has what a bureau has. The
# fixture "zone": site a with key sets and zone keys, backup bk, cards.csv and few.csv.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

for_two() {
	case " $* " in
	*' derive '* | *' destroy '* | *' restore '* | *' --override '* | *' officer '*) return 0 ;;
	*) return 1 ;;
	esac
}

plan() {
	cat <<-'END'
		[plan]
		name = many
		[keyset "Large1"]
		algorithm = aes256
		diversification = kdf3
		key-version = 0x20
		[keyset "Two1"]
		algorithm = tdea2
		diversification = visa2
		key-version = 0x20
		[keyset "Middle1"]
		algorithm = aes192
		diversification = kdf3
		key-version = 0x20
		[keyset "Chip1"]
		algorithm = aes128
		diversification = an10922
		key-version = 0x20
		[keyset "Same1"]
		algorithm = aes128
		diversification = none
		key-version = 0x20
	END
}

zone_key() { # LABEL ALGORITHM [WORD…]
	need a zone-key create "$1" --algorithm "$2" --pairs pairs.ini --sheets sheets "${@:3}"
}

derive() { # CARDS UNDER FILE [WORD…]
	a key derive --cards "$1" --wrap-under "$2" -o "$3" "${@:4}"
}
runs[derive]=a

# What the bureau has: the key that the file is under; and, for the test, what the masters are.
values() { # UNDER KEYSET
	local role name number=${2##*[A-Za-z]}
	echo "under=$(combined "$1" 3)"
	for role in ENC MAC KEK; do
		name=${2%"$number"}$role$number
		printf '%s=%s\n' "${role,,}" "$(echo "under=$(combined SK1 3)" |
			derived_reader unwrap "$(jq -r --arg l "$name" '.keys[] | select(.label == $l) | .block' bk)")"
	done
}

read_all() { # FILE CARDS UNDER KEYSET: how many keys are right
	values "$3" "$4" | derived_reader compare "$1" "$1.manifest" "$2" 2>&1
}

fixture_zone() {
	fixture_officers
	plan >plan.ini
	need a --yes hsm setup --plan plan.ini
	quick_passphrases a
	pairs_three >pairs.ini
	mkdir sheets
	need a site-key create SK1 --pairs pairs.ini --sheets sheets
	need a backup create -o bk
	zone_key ZK1 aes256
	zone_key ZK2 aes128
	need a site identity export -o a.id
	derived_reader cards 4500 >cards.csv
	derived_reader cards 40 >few.csv
	keep zone
}
