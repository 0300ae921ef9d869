# CAP files for tests, the demo and benchmarks: no other program makes any here.
add_executable(capmaker ${CMAKE_CURRENT_LIST_DIR}/capmaker.c)
set_target_properties(capmaker PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
target_link_libraries(capmaker PRIVATE kms_base PkgConfig::zip)
