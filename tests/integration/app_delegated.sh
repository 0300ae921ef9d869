#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Keys behind the content of cards: made in the HSM, put on cards; what is refused.
. "$(dirname "$0")/card_lib.sh"

fixture_cards
use cards
sim --profile gp23-scp03
# shellcheck disable=SC2317 # called by ok, refused
put() { a card key put --reader "$R" "$@"; }
runs+=([put]=a)

ok 'a DAP key' a card key create BankDap --use dap --algorithm aes128
ok 'a token key' a card key create BankToken --use token --algorithm aes128
ok 'a receipt key' a card key create BankReceipt --use receipt
ok 'a DAP pair' a card key create BankDapEc --use dap --algorithm p256
ok 'hsm check' a hsm check
ok 'inject' inject2
ok 'put' put --key BankDap
last_run
ok 'again' put --key BankDap
last_run
keys_on
finish
