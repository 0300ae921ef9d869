# What the presets in CMakePresets.json switch.
option(CARDKMS_WERROR "Warnings are errors" ON)
option(CARDKMS_TESTS "Test programs" ON)
option(CARDKMS_SANITIZE "AddressSanitizer and UndefinedBehaviorSanitizer" OFF)
option(CARDKMS_FUZZ "libFuzzer targets (needs clang)" OFF)
option(CARDKMS_COVERAGE "gcov instrumentation" OFF)

# Assertions stay in what is shipped: no -DNDEBUG.
set(CMAKE_C_FLAGS_RELEASE "-O2 -g")

add_compile_definitions(_GNU_SOURCE)
add_compile_options(-Wall -Wextra -Wshadow -Wpointer-arith -Wstrict-prototypes
	-Wmissing-prototypes -Wwrite-strings -Wundef -Wvla -Wformat=2 -Wimplicit-fallthrough
	-fstack-protector-strong -fmacro-prefix-map=${CMAKE_SOURCE_DIR}/src/=)
add_link_options(-Wl,-z,relro,-z,now,-z,noexecstack)
if(CARDKMS_WERROR)
	add_compile_options(-Werror)
endif()
if(CARDKMS_SANITIZE)
	# -O1: half the time of -O0 in the tests, and stacks that can still be read.
	add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all
		-fno-omit-frame-pointer -O1)
	add_link_options(-fsanitize=address,undefined)
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
	add_compile_definitions(_FORTIFY_SOURCE=2)
	# No build folder's name in what is shipped.
	add_compile_options(-ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)
endif()
if(CARDKMS_FUZZ)
	add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(CARDKMS_COVERAGE)
	add_link_options(--coverage) # what is counted: src/CMakeLists.txt
endif()
