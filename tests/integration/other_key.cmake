# The program that vault_cards.sh and scripts/hsm-failover run; so a release build has it, too.
if(TARGET kms_hsm)
	add_executable(other_key ${CMAKE_CURRENT_LIST_DIR}/other_key.c)
	target_link_libraries(other_key PRIVATE kms_hsm)
endif()
