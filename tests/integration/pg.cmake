# The programs that pg_statements.sh runs: the store's tests on PostgreSQL.
if(TARGET kms_store)
	foreach(name pg_statements pg_cards)
		add_executable(${name} ${CMAKE_CURRENT_LIST_DIR}/${name}.c)
		target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_LIST_DIR}/..)
		target_link_libraries(${name} PRIVATE kms_store PkgConfig::pq PkgConfig::cmocka)
	endforeach()
endif()
