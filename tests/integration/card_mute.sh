#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2119
# A card that does not answer any more: given up after half a minute, and found again by `card resume`.
. "$(dirname "$0")/card_lib.sh"

fixture_cards
use cards
sim --profile gp23-scp03
need inject2
sim_again --fault mute:5
failed_as 'mute at PUT KEY' 1 'ETIMEDOUT … the card did not answer in time … card resume' replace2
equal 'the card waits' 'intended|open changing' "$(change_is) $(query 'SELECT state FROM card')"
sim_again
ok 'resume' a card resume --reader "$R"
equal 'taken over' 'active|active|BankMaster2|48|0' "$(registry)"
sim_again --fault mute:1
refused 'mute from the start' 1 'ETIMEDOUT … the card did not answer in time' replace2 --from OPMasterKey2
sound 'sound' a

finish
