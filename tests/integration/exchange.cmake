# The program that exchange_flip.sh, exchange_forged.sh and exchange_rules.sh run.
if(TARGET kms_ops)
	add_executable(exchange_forge ${CMAKE_CURRENT_LIST_DIR}/exchange_forge.c)
	target_include_directories(exchange_forge PRIVATE ${CMAKE_CURRENT_LIST_DIR}/..)
	target_link_libraries(exchange_forge PRIVATE kms_ops PkgConfig::p11kit PkgConfig::sodium
		${CMAKE_DL_LIBS})
endif()
