# vpunas_torch: libtorch from the wheel in .venv, as a target of our own. Torch's own CMake package stops where the wheel is a
# CUDA build and no CUDA toolkit is installed; headers and two libraries are all that we need. The CUDA part is loaded when a
# GPU is asked for (src/learn/runtime.cpp), so a module does not depend on which wheel it was built with.
file(GLOB torch_root ${CMAKE_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch)
if(NOT torch_root)
  message(STATUS "libtorch not found in .venv: a program that does not train; run scripts/setup.sh")
  return()
endif()
file(STRINGS ${torch_root}/version.py TORCH_VERSION REGEX "^__version__")
string(REGEX REPLACE ".*'([0-9.]+).*" "\\1" TORCH_VERSION "${TORCH_VERSION}")
add_library(vpunas_torch INTERFACE)
target_include_directories(vpunas_torch SYSTEM INTERFACE ${torch_root}/include
                                                         ${torch_root}/include/torch/csrc/api/include)
target_link_libraries(vpunas_torch INTERFACE ${torch_root}/lib/libtorch_cpu.so ${torch_root}/lib/libc10.so)
list(APPEND CMAKE_INSTALL_RPATH ${torch_root}/lib)  # it stays where it is

# vpunas_torch_cuda: its CUDA part as well, where there is one and CUDA's headers are (a toolkit's, or the wheels' of pip).
file(GLOB torch_cuda ${torch_root}/lib/libtorch_cuda.so)
file(GLOB cuda_wheels ${torch_root}/../nvidia/*/include)
# Looked for anew each time, as another wheel may have come.
foreach(answer cuda_headers cuda_crt_headers torch_cuda_compiles)
  unset(${answer} CACHE)
endforeach()
find_path(cuda_headers cuda_runtime_api.h NO_CACHE HINTS ${cuda_wheels} $ENV{CUDA_HOME}/include /usr/local/cuda/include)
find_path(cuda_crt_headers crt/host_defines.h NO_CACHE HINTS ${cuda_headers} ${cuda_wheels})
if(torch_cuda AND cuda_headers AND cuda_crt_headers)
  include(CheckCXXSourceCompiles)
  string(MAKE_C_IDENTIFIER "cuda_compiles ${TORCH_VERSION} ${cuda_headers} ${cuda_crt_headers}" check)
  set(CMAKE_REQUIRED_INCLUDES ${torch_root}/include ${cuda_headers} ${cuda_crt_headers})
  check_cxx_source_compiles("#include <ATen/cuda/CUDAGraph.h>\n#include <c10/cuda/CUDAGuard.h>\nint main() {}" ${check})
  set(torch_cuda_compiles "${${check}}")
  unset(CMAKE_REQUIRED_INCLUDES)
endif()
if(torch_cuda_compiles)
  add_library(vpunas_torch_cuda INTERFACE)
  target_include_directories(vpunas_torch_cuda SYSTEM INTERFACE ${cuda_headers} ${cuda_crt_headers})
  target_link_libraries(vpunas_torch_cuda INTERFACE vpunas_torch ${torch_cuda} ${torch_root}/lib/libc10_cuda.so)
endif()
