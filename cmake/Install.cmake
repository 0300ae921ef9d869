# What `make install` puts where. The man page and the completion are written by the program itself
# from its command table, so they cannot differ from it; debug builds do without.
if(TARGET cardkms)
	set(docs_default ON)
	if(CMAKE_BUILD_TYPE STREQUAL "Debug" OR CMAKE_CROSSCOMPILING)
		set(docs_default OFF)
	endif()
	option(CARDKMS_DOCS "Man page and bash completion (runs the program)" ${docs_default})
	if(CARDKMS_DOCS)
		foreach(pair "cardkms.1=--man" "cardkms.bash=--bash-completion")
			string(REGEX REPLACE "=.*" "" file ${pair})
			string(REGEX REPLACE "^[^=]*=" "" option ${pair})
			add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/${file}
				# By way of a second name: a failed run leaves no half file behind.
				COMMAND $<TARGET_FILE:cardkms> help ${option} > ${file}.new
				COMMAND ${CMAKE_COMMAND} -E rename ${file}.new ${file}
				DEPENDS cardkms
				WORKING_DIRECTORY ${CMAKE_BINARY_DIR}
				COMMENT "Writing ${file}"
				VERBATIM)
			list(APPEND written ${CMAKE_BINARY_DIR}/${file})
		endforeach()
		add_custom_target(docs ALL DEPENDS ${written})
		install(FILES ${CMAKE_BINARY_DIR}/cardkms.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
		install(FILES ${CMAKE_BINARY_DIR}/cardkms.bash RENAME cardkms
			DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
	endif()
endif()

file(GLOB man_pages CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/man/*.[1-8])
foreach(page ${man_pages})
	string(REGEX REPLACE ".*\\." "" section ${page})
	install(FILES ${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()
install(DIRECTORY share/cardkms DESTINATION ${CMAKE_INSTALL_DATADIR} OPTIONAL)
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES README.md NEWS.md SECURITY.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} OPTIONAL)
