# What `cmake --install` makes, and how find_package(slipway) finds it there and in the build folder. The tree may be moved: its run
# paths are relative.
#   bin/slipway, slipway-run       lib/libslipway.so      include/slipway         lib/cmake/slipway
#   lib/slipway/plugins            each with its data in a folder of its name
#   lib/slipway/torch, nvidia      LibTorch, and NCCL, if ./slipway fetched them (build/deps, build/nccl); others stay where they are
include(CMakePackageConfigHelpers)
set(package ${PROJECT_SOURCE_DIR}/cmake/slipway-config.cmake.in)
set(version ${PROJECT_BINARY_DIR}/slipway-config-version.cmake)
write_basic_package_version_file(${version} COMPATIBILITY SameMinorVersion)

# From the build folder.
set(SLIPWAY_CMAKE_FOLDER ${PROJECT_SOURCE_DIR}/cmake)
configure_file(${package} ${PROJECT_BINARY_DIR}/slipway-config.cmake @ONLY)
export(TARGETS libslipway slipway_plugin_api NAMESPACE slipway:: FILE ${PROJECT_BINARY_DIR}/slipway-targets.cmake)

add_custom_target(installable DEPENDS slipway slipway-run libslipway plugins)
get_property(plugins GLOBAL PROPERTY SLIPWAY_PLUGINS)

# Run paths, but where a preset sets its own (gpu).
cmake_path(GET LIBTORCH_CPU PARENT_PATH torch)
cmake_path(IS_PREFIX PROJECT_SOURCE_DIR ${torch} torch_is_ours)
if(NOT CMAKE_BUILD_WITH_INSTALL_RPATH)
  if(torch_is_ours)
    set_target_properties(slipway-run PROPERTIES INSTALL_RPATH "$ORIGIN/../lib/slipway/torch/lib")
    set_target_properties(libslipway PROPERTIES INSTALL_RPATH "$ORIGIN/slipway/torch/lib")
    set_property(TARGET ${plugins} APPEND PROPERTY INSTALL_RPATH "$ORIGIN/../torch/lib")
  else()
    set_property(TARGET slipway-run libslipway ${plugins} APPEND PROPERTY INSTALL_RPATH ${torch})
  endif()
endif()

install(TARGETS slipway slipway-run RUNTIME DESTINATION bin)
install(TARGETS libslipway slipway_plugin_api EXPORT slipway LIBRARY DESTINATION lib)
install(TARGETS ${plugins} LIBRARY DESTINATION lib/slipway/plugins)
install(TARGETS torchscript_libtorch LIBRARY DESTINATION lib/slipway/plugins/torchscript)
foreach(plugin IN LISTS plugins)
  get_target_property(data ${plugin} SLIPWAY_DATA)
  string(REGEX REPLACE "^plugin_" "" name ${plugin})
  install(FILES ${data} DESTINATION lib/slipway/plugins/${name})
endforeach()
if(TARGET slipway_cuda)
  install(TARGETS slipway_cuda LIBRARY DESTINATION lib/slipway)
endif()
if(TARGET slipway_nccl)
  if(NOT CMAKE_BUILD_WITH_INSTALL_RPATH)
    set_target_properties(slipway_nccl PROPERTIES INSTALL_RPATH "$<IF:$<BOOL:${SLIPWAY_NCCL}>,${SLIPWAY_NCCL}/lib,$ORIGIN/nvidia/nccl/lib>")
  endif()
  install(TARGETS slipway_nccl LIBRARY DESTINATION lib/slipway)
endif()
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION share/doc/slipway)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/plugin_api/include/slipway ${PROJECT_SOURCE_DIR}/host/api/include/slipway DESTINATION include)

set(SLIPWAY_CMAKE_FOLDER "\${CMAKE_CURRENT_LIST_DIR}")
configure_file(${package} ${PROJECT_BINARY_DIR}/installed/slipway-config.cmake @ONLY)
install(EXPORT slipway NAMESPACE slipway:: FILE slipway-targets.cmake DESTINATION lib/cmake/slipway)
install(FILES ${PROJECT_BINARY_DIR}/installed/slipway-config.cmake ${version} ${PROJECT_SOURCE_DIR}/cmake/slipway_plugin.cmake
              ${PROJECT_SOURCE_DIR}/cmake/plugin.map ${PROJECT_SOURCE_DIR}/cmake/FindLibTorch.cmake DESTINATION lib/cmake/slipway)

# Up to a gigabyte: second names of the same files where the file system can, else copies.
set(slipway_fetched "")
if(torch_is_ours)
  cmake_path(SET deps NORMALIZE ${torch}/../..)
  list(APPEND slipway_fetched ${deps})
endif()
if(TARGET slipway_nccl AND NOT SLIPWAY_NCCL)
  list(APPEND slipway_fetched ${PROJECT_SOURCE_DIR}/build/nccl)
endif()
if(slipway_fetched)
  install(CODE "set(fetched \"${slipway_fetched}\")")
  install(SCRIPT ${PROJECT_SOURCE_DIR}/cmake/install_fetched.cmake)
endif()
