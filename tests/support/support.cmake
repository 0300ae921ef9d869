# Loaded by the program under test, so neither is a part of any program: libp11forward.so
# (p11forward/) in place of the site's PKCS#11 module, libfaultfs.so, libfaultmem.so and libskew.so (preload/) by
# LD_PRELOAD; and p11forwardd, the process in which the real module may live. Sweeps of a release build
# use them too.
set(p11forward ${CMAKE_CURRENT_LIST_DIR}/p11forward)
add_library(p11forward MODULE ${p11forward}/module.c ${p11forward}/client.c
	${p11forward}/faults.c ${p11forward}/wire.c)
add_library(faultfs MODULE ${CMAKE_CURRENT_LIST_DIR}/preload/faultfs.c)
add_library(faultmem MODULE ${CMAKE_CURRENT_LIST_DIR}/preload/faultmem.c)
add_library(skew MODULE ${CMAKE_CURRENT_LIST_DIR}/preload/skew.c)
# It defines pread() itself, of which fortified headers have their own.
target_compile_options(faultfs PRIVATE -U_FORTIFY_SOURCE)
foreach(module p11forward faultfs faultmem skew)
	set_target_properties(${module} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
	# A preloaded library comes before the sanitizer's runtime, which would refuse to start.
	target_compile_options(${module} PRIVATE -fno-sanitize=all -fPIC)
	target_link_options(${module} PRIVATE -fno-sanitize=all)
	target_link_libraries(${module} PRIVATE ${CMAKE_DL_LIBS})
endforeach()
set_target_properties(p11forward PROPERTIES C_VISIBILITY_PRESET hidden)
target_link_libraries(p11forward PRIVATE PkgConfig::p11kit)

add_executable(p11forwardd ${p11forward}/server.c ${p11forward}/serve.c ${p11forward}/emulate.c
	${p11forward}/trusted.c ${p11forward}/faults.c ${p11forward}/wire.c)
set_target_properties(p11forwardd PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
target_link_libraries(p11forwardd PRIVATE PkgConfig::p11kit ${CMAKE_DL_LIBS})
