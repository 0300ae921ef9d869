# Loaded by the program under test, so neither is a part of any program: libkillp11.so (killp11/)
# in place of the site's PKCS#11 module, libfaultfs.so (preload/) by LD_PRELOAD. Sweeps of a
# release build use them too.
foreach(module killp11 faultfs)
	set(folder ${module})
	if(module STREQUAL faultfs)
		set(folder preload)
	endif()
	add_library(${module} MODULE ${CMAKE_CURRENT_LIST_DIR}/${folder}/${module}.c)
	set_target_properties(${module} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
	# A preloaded library comes before the sanitizer's runtime, which would refuse to start.
	target_compile_options(${module} PRIVATE -fno-sanitize=all -fPIC)
	target_link_options(${module} PRIVATE -fno-sanitize=all)
	target_link_libraries(${module} PRIVATE ${CMAKE_DL_LIBS})
endforeach()
target_link_libraries(killp11 PRIVATE PkgConfig::p11kit)
