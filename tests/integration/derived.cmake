# The reader of key files that key_derive.sh runs: OpenSSL and jansson, nothing of ours.
add_executable(derived_reader ${CMAKE_CURRENT_LIST_DIR}/derived_reader.c)
target_link_libraries(derived_reader PRIVATE PkgConfig::openssl PkgConfig::jansson)
