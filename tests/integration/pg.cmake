# The program that pg_statements.sh runs: the store's SQL on PostgreSQL through libpq.
if(TARGET kms_store)
	add_executable(pg_statements ${CMAKE_CURRENT_LIST_DIR}/pg_statements.c
		${CMAKE_CURRENT_LIST_DIR}/pg_backend.c)
	target_include_directories(pg_statements PRIVATE ${CMAKE_CURRENT_LIST_DIR}/..)
	target_link_libraries(pg_statements PRIVATE kms_store PkgConfig::pq PkgConfig::cmocka)
endif()
