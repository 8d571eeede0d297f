# slipway_add_plugin(NAME SOURCES file... [TORCH] [FOLDER dir]): builds NAME.so as the plugin contract asks: one exported
# symbol, hidden visibility, no undefined names. It sees plugin_api alone, and LibTorch's stable headers with TORCH.
function(slipway_add_plugin name)
  cmake_parse_arguments(ARG "TORCH" "FOLDER" "SOURCES" ${ARGN})
  if(NOT ARG_FOLDER)
    set(ARG_FOLDER ${CMAKE_BINARY_DIR}/plugins)
  endif()
  add_library(plugin_${name} MODULE ${ARG_SOURCES})
  set_target_properties(plugin_${name} PROPERTIES PREFIX "" OUTPUT_NAME ${name} CXX_STANDARD 17
    LIBRARY_OUTPUT_DIRECTORY ${ARG_FOLDER} C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON LINK_DEPENDS ${CMAKE_SOURCE_DIR}/cmake/plugin.map)
  target_include_directories(plugin_${name} PRIVATE ${CMAKE_SOURCE_DIR}/plugin_api/include)
  target_link_options(plugin_${name} PRIVATE -Wl,--version-script=${CMAKE_SOURCE_DIR}/cmake/plugin.map
                      -Wl,--exclude-libs,ALL -Wl,-z,defs)
  if(CMAKE_CXX_FLAGS MATCHES "fsanitize") # the sanitizers' own names are resolved by the program
    target_link_options(plugin_${name} PRIVATE -Wl,-z,undefs)
  endif()
  if(ARG_TORCH)
    target_link_libraries(plugin_${name} PRIVATE slipway::torch)
    set_target_properties(plugin_${name} PROPERTIES CXX_STANDARD 20)
  endif()
  set_property(GLOBAL APPEND PROPERTY SLIPWAY_PLUGINS plugin_${name})
endfunction()
