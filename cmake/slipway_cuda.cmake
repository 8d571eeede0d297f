# libslipway_cuda.so: kernels, products and memory for NVIDIA GPUs, opened by the host when a run asks for device = "cuda".
# SLIPWAY_CUDA=AUTO builds it where nvcc is found, ON demands it, OFF leaves it out. nvcc compiles the one file with kernels, by a plain
# command: the rest of the build is no CUDA project.
set(SLIPWAY_CUDA AUTO CACHE STRING "Build the CUDA module: AUTO (where nvcc is found), ON, OFF")
set(SLIPWAY_CUDA_ARCHITECTURES 80 90 CACHE STRING "GPU architectures to compile for; PTX of the last serves later ones")

function(slipway_cuda_module)
  if(NOT SLIPWAY_CUDA)
    message(STATUS "CUDA module: off")
    return()
  endif()
  find_program(SLIPWAY_NVCC nvcc HINTS ENV CUDA_HOME PATHS /usr/local/cuda PATH_SUFFIXES bin)
  if(SLIPWAY_NVCC)
    get_filename_component(nvcc ${SLIPWAY_NVCC} REALPATH)
    get_filename_component(toolkit ${nvcc}/../.. ABSOLUTE)
    find_path(SLIPWAY_CUDA_INCLUDE cublasLt.h HINTS ${toolkit}/include ${toolkit}/targets/x86_64-linux/include)
    find_library(SLIPWAY_CUDART cudart_static HINTS ${toolkit}/lib64 ${toolkit}/lib ${toolkit}/targets/x86_64-linux/lib)
    find_library(SLIPWAY_CUBLASLT cublasLt HINTS ${toolkit}/lib64 ${toolkit}/lib ${toolkit}/targets/x86_64-linux/lib)
  endif()
  if(NOT SLIPWAY_NVCC OR NOT SLIPWAY_CUDA_INCLUDE OR NOT SLIPWAY_CUDART OR NOT SLIPWAY_CUBLASLT)
    if(NOT SLIPWAY_CUDA STREQUAL "AUTO")
      message(FATAL_ERROR "SLIPWAY_CUDA=ON needs nvcc, cublasLt.h, libcudart_static and libcublasLt: put the CUDA toolkit's bin folder into PATH")
    endif()
    message(STATUS "CUDA module: not built, there is no CUDA toolkit (nvcc with cuBLASLt) in PATH or /usr/local/cuda")
    return()
  endif()
  message(STATUS "CUDA module: built by ${SLIPWAY_NVCC} for architectures ${SLIPWAY_CUDA_ARCHITECTURES}")
  set(folder ${PROJECT_SOURCE_DIR}/host/kernels/cuda)
  set(kernels ${CMAKE_CURRENT_BINARY_DIR}/cuda_kernels.o)
  foreach(architecture IN LISTS SLIPWAY_CUDA_ARCHITECTURES)
    list(APPEND code -gencode=arch=compute_${architecture},code=sm_${architecture})
  endforeach()
  list(GET SLIPWAY_CUDA_ARCHITECTURES -1 newest)
  add_custom_command(OUTPUT ${kernels} DEPENDS ${folder}/kernels.cu DEPFILE ${kernels}.d VERBATIM COMMAND_EXPAND_LISTS COMMENT "Building CUDA object ${kernels}"
    COMMAND ${SLIPWAY_NVCC} -std=c++20 -O3 --expt-relaxed-constexpr ${code} -gencode=arch=compute_${newest},code=compute_${newest}
            -diag-suppress=20050 # kernels are inline functions to the emulator of the tests
            -Xcompiler=-fPIC,-fvisibility=hidden,-Wall,-Wextra $<$<BOOL:${SLIPWAY_WERROR}>:-Werror=all-warnings> -I ${PROJECT_SOURCE_DIR}/host
            -MD -MF ${kernels}.d -MT ${kernels} -c ${folder}/kernels.cu -o ${kernels})
  add_library(slipway_cuda MODULE ${folder}/module.cc ${folder}/products.cc ${folder}/staging.cc ${kernels})
  set_source_files_properties(${kernels} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
  target_include_directories(slipway_cuda PRIVATE ${PROJECT_SOURCE_DIR}/host)
  target_include_directories(slipway_cuda SYSTEM PRIVATE ${SLIPWAY_CUDA_INCLUDE})
  target_link_libraries(slipway_cuda PRIVATE ${SLIPWAY_CUDART} ${SLIPWAY_CUBLASLT} Threads::Threads dl rt)
  target_link_options(slipway_cuda PRIVATE -Wl,-z,defs -Wl,--exclude-libs,ALL)
  get_filename_component(libraries ${SLIPWAY_CUBLASLT} DIRECTORY)
  set_target_properties(slipway_cuda PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR} CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
                        BUILD_RPATH ${libraries})
  add_dependencies(slipway slipway_cuda)
endfunction()
