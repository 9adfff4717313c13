cmake_minimum_required(VERSION 3.25)
# Weak symbols are those of which the linker keeps one copy for all objects. Fails when
#  - an object that is compiled for one instruction set holds one: old processors could get the wide copy
#  - a test brings a function that kernels/ has too: the library would run what the test's options made of it
# Run: cmake -DNM=<nm> -DBUILD=<build folder> -P symbols.cmake
function(weak_symbols objects result)
  execute_process(COMMAND ${NM} --demangle --defined-only ${objects} OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
  string(REPLACE ";" "," symbols "${symbols}")
  string(REPLACE "[" "(" symbols "${symbols}")
  string(REPLACE "]" ")" symbols "${symbols}")
  string(REGEX MATCHALL "[0-9a-f]+ [VvWu] [^\n]+" symbols "${symbols}")
  list(TRANSFORM symbols REPLACE "^[0-9a-f]+ [VvWu] " "")
  list(REMOVE_DUPLICATES symbols)
  set(${result} "${symbols}" PARENT_SCOPE)
endfunction()

file(GLOB_RECURSE simd "${BUILD}/kernels/*simd.cpp.o")
file(GLOB_RECURSE kernels "${BUILD}/kernels/*.cpp.o")
file(GLOB_RECURSE tests "${BUILD}/tests/*_test.cpp.o")
if(NOT simd OR NOT tests)
  message(FATAL_ERROR "no objects *simd.cpp.o or *_test.cpp.o in ${BUILD}")
endif()
weak_symbols("${simd}" bad)
if(bad)
  list(JOIN bad "\n  " bad)
  message(FATAL_ERROR "weak symbols in objects for one instruction set (make the functions static):\n  ${bad}")
endif()
weak_symbols("${kernels}" of_kernels)
weak_symbols("${tests}" of_tests)
set(both "")
foreach(symbol ${of_tests})
  # Names of the standard library, type information, destructors and checks of shapes, which run once per operator, compute
  # nothing.
  if(symbol MATCHES "calofuse::" AND NOT symbol MATCHES "(^| )(std::|typeinfo |vtable |DW\\.ref)|~|TensorRef::|::check_axis"
      AND symbol IN_LIST of_kernels)
    list(APPEND both "${symbol}")
  endif()
endforeach()
if(both)
  list(JOIN both "\n  " both)
  message(FATAL_ERROR "functions that tests and kernels/ both hold (make them static):\n  ${both}")
endif()
