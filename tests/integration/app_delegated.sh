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

FILE=A00000000201
APPLET=A000000002010101
DOMAIN=A0000001515350AA
"$CARDKMS_BIN/capmaker" "$SIMS/one.cap" "$FILE" "$APPLET" 1 3 1500
"$CARDKMS_BIN/capmaker" "$SIMS/other.cap" "$FILE" "$APPLET" 1 4 1500
ok 'app dap' a app dap "$SIMS/one.cap" --domain $DOMAIN --key BankDap -o "$SIMS/one.dap"
cat "$SIMS/one.dap"
ok 'app dap ec' a app dap "$SIMS/one.cap" --domain $DOMAIN --key BankDapEc -o "$SIMS/one.dapec"
ok 'app token load' a app token load "$SIMS/one.cap" --domain $DOMAIN --key BankToken -o "$SIMS/load.tok"
ok 'app token install' a app token install "$SIMS/one.cap" --key BankToken -o "$SIMS/install.tok"
ok 'app token make-selectable' a app token make-selectable "$APPLET" --key BankToken -o "$SIMS/sel.tok"
ok 'app token extradite' a app token extradite "$APPLET" --to $DOMAIN --key BankToken -o "$SIMS/ext.tok"
ok 'app token delete' a app token delete "$APPLET" --key BankToken -o "$SIMS/del.tok"
cat "$SIMS/del.tok"
# shellcheck disable=SC2317 # called by ok, failed_as
app() { a app "$1" --reader "$R" "${@:2}"; }
runs+=([app]=a)
failed_as 'dap other' 3 'signs another load file' app load "$SIMS/other.cap" --dap "$SIMS/one.dap"
failed_as 'tok other' 3 'token' app load "$SIMS/other.cap" --token "$SIMS/load.tok"
last_run
failed_as 'tok other' 3 'token' app load "$SIMS/one.cap" --token "$SIMS/install.tok"
last_run
ok 'load dap' app load "$SIMS/one.cap" --dap "$SIMS/one.dap" --dap "$SIMS/one.dapec"
last_run
finish
