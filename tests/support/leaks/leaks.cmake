# What integration/card_leaks.sh runs: leakwatch searches a program at each message to a card,
# leakscan searches one that waits (integration/ceremony_screen.sh), leakreveal tells the keys of a test token, libleakplant.so leaves a key behind.
set(leaks ${CMAKE_CURRENT_LIST_DIR})
add_executable(leakwatch ${leaks}/watch.c ${leaks}/places.c ${leaks}/needles.c
	${leaks}/session.c)
add_executable(leakscan ${leaks}/scan.c ${leaks}/places.c ${leaks}/needles.c)
add_executable(leakreveal ${leaks}/reveal.c)
add_library(leakplant MODULE ${leaks}/plant.c)
foreach(target leakwatch leakscan leakreveal leakplant)
	set_target_properties(${target} PROPERTIES
		RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR} LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
	target_include_directories(${target} PRIVATE ${leaks}/../..)
	# It reads gigabytes, byte by byte; and a preloaded library comes before the sanitizer's runtime.
	target_compile_options(${target} PRIVATE -fno-sanitize=all -O2)
	target_link_options(${target} PRIVATE -fno-sanitize=all)
endforeach()
target_link_libraries(leakwatch PRIVATE PkgConfig::openssl)
target_link_libraries(leakreveal PRIVATE PkgConfig::p11kit PkgConfig::openssl ${CMAKE_DL_LIBS})
target_link_libraries(leakplant PRIVATE ${CMAKE_DL_LIBS})
