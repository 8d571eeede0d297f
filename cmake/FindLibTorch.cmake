# LibTorch's CPU half as slipway::torch: libtorch_cpu and libc10, nothing of CUDA. Looks in SLIPWAY_TORCH (a folder with
# include/ and lib/: a libtorch archive, or the torch folder of an installed wheel), else where ./slipway put it.
set(SLIPWAY_TORCH "" CACHE PATH "LibTorch folder with include/ and lib/")
set(torch_root ${SLIPWAY_TORCH})
if(NOT torch_root)
  set(torch_root ${CMAKE_SOURCE_DIR}/build/deps/torch)
endif()
# What another SLIPWAY_TORCH had found is not this one's.
foreach(found LIBTORCH_CPU LIBTORCH_C10 LIBTORCH_INCLUDE)
  cmake_path(IS_PREFIX torch_root "${${found}}" inside)
  if(NOT inside)
    unset(${found} CACHE)
  endif()
endforeach()
find_library(LIBTORCH_CPU torch_cpu PATHS ${torch_root}/lib NO_DEFAULT_PATH)
find_library(LIBTORCH_C10 c10 PATHS ${torch_root}/lib NO_DEFAULT_PATH)
find_path(LIBTORCH_INCLUDE ATen/ATen.h PATHS ${torch_root}/include NO_DEFAULT_PATH)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch REQUIRED_VARS LIBTORCH_CPU LIBTORCH_C10 LIBTORCH_INCLUDE
  REASON_FAILURE_MESSAGE "no LibTorch in ${torch_root}: run ./slipway, or give -DSLIPWAY_TORCH=DIR")
if(LibTorch_FOUND AND NOT TARGET slipway::torch)
  add_library(slipway::fmt INTERFACE IMPORTED) # the fmt that LibTorch carries, header-only
  target_include_directories(slipway::fmt SYSTEM INTERFACE ${LIBTORCH_INCLUDE})
  target_compile_definitions(slipway::fmt INTERFACE FMT_HEADER_ONLY=1)
  add_library(slipway::torch INTERFACE IMPORTED)
  target_include_directories(slipway::torch SYSTEM INTERFACE ${LIBTORCH_INCLUDE}
                             ${LIBTORCH_INCLUDE}/torch/csrc/api/include)
  # at::parallel_for is a serial loop in code compiled without OpenMP. One OpenMP runtime for all: the one LibTorch brings.
  file(GLOB torch_gomp ${torch_root}/lib/libgomp*.so*)
  if(NOT torch_gomp)
    set(torch_gomp gomp)
  endif()
  target_compile_options(slipway::torch INTERFACE -fopenmp)
  target_link_libraries(slipway::torch INTERFACE slipway::fmt ${LIBTORCH_CPU} ${LIBTORCH_C10} ${torch_gomp})
  # libtorch_cpu finds the CUDA runtime that it was linked with through its own run path.
  target_link_options(slipway::torch INTERFACE -Wl,--allow-shlib-undefined)
endif()
