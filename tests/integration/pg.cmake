# The program that pg_statements.sh runs: the store's tests on PostgreSQL.
if(TARGET kms_store)
	add_executable(pg_statements ${CMAKE_CURRENT_LIST_DIR}/pg_statements.c)
	target_include_directories(pg_statements PRIVATE ${CMAKE_CURRENT_LIST_DIR}/..)
	target_link_libraries(pg_statements PRIVATE kms_store PkgConfig::pq PkgConfig::cmocka)
endif()
