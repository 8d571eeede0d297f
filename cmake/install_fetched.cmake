# Run by cmake --install: the libraries of the folders ${fetched}, LibTorch's and NCCL's, in the same order of folders, by which they find
# each other.
set(target $ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/lib/slipway)
message(STATUS "Installing: ${target}/torch, nvidia")
foreach(from IN LISTS fetched)
  file(GLOB libraries RELATIVE ${from} ${from}/torch/lib/*.so* ${from}/nvidia/*/lib/*.so*)
  foreach(library IN LISTS libraries)
    cmake_path(GET library PARENT_PATH folder)
    file(MAKE_DIRECTORY ${target}/${folder})
    file(REMOVE ${target}/${library})
    file(CREATE_LINK ${from}/${library} ${target}/${library} COPY_ON_ERROR)
  endforeach()
endforeach()
