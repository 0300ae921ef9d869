# The program that takeover.sh runs. A sweep of a release build uses it too.
add_executable(takeover_sweep ${CMAKE_CURRENT_LIST_DIR}/takeover_sweep.c
	${CMAKE_CURRENT_LIST_DIR}/../support/card_lab.c
	${CMAKE_CURRENT_LIST_DIR}/../support/cardsim.c)
target_include_directories(takeover_sweep PRIVATE ${CMAKE_CURRENT_LIST_DIR}/..)
target_compile_definitions(takeover_sweep PRIVATE CARDSIM_PATH="$<TARGET_FILE:cardsim>")
target_link_libraries(takeover_sweep PRIVATE kms_card kms_base)
add_dependencies(takeover_sweep cardsim)
