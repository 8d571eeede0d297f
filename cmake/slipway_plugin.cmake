# slipway_add_plugin(NAME SOURCES file... [TORCH] [DATA file...] [FOLDER dir]): builds NAME.so as the plugin contract asks: one
# exported symbol, hidden visibility, no undefined names. It sees plugin_api alone, and LibTorch's stable headers with TORCH. DATA
# are files that the plugin reads: they lie in NAME/ beside NAME.so, wherever that is carried. Also part of the installed package.
function(slipway_add_plugin name)
  cmake_parse_arguments(ARG "TORCH" "FOLDER" "SOURCES;DATA" ${ARGN})
  if(NOT ARG_FOLDER)
    set(ARG_FOLDER ${SLIPWAY_PLUGIN_FOLDER})
  endif()
  if(NOT ARG_FOLDER)
    set(ARG_FOLDER ${CMAKE_CURRENT_BINARY_DIR})
  endif()
  set(map ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/plugin.map)
  add_library(plugin_${name} MODULE ${ARG_SOURCES})
  set_target_properties(plugin_${name} PROPERTIES PREFIX "" OUTPUT_NAME ${name} CXX_STANDARD 17
    LIBRARY_OUTPUT_DIRECTORY ${ARG_FOLDER} C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON LINK_DEPENDS ${map})
  target_link_libraries(plugin_${name} PRIVATE slipway::plugin_api)
  target_link_options(plugin_${name} PRIVATE -Wl,--version-script=${map} -Wl,--exclude-libs,ALL -Wl,-z,defs)
  if(CMAKE_CXX_FLAGS MATCHES "fsanitize") # the sanitizers' own names are resolved by the program
    target_link_options(plugin_${name} PRIVATE -Wl,-z,undefs)
  endif()
  if(ARG_TORCH)
    if(NOT TARGET slipway::torch)
      list(PREPEND CMAKE_MODULE_PATH ${CMAKE_CURRENT_FUNCTION_LIST_DIR})
      find_package(LibTorch REQUIRED)
    endif()
    target_link_libraries(plugin_${name} PRIVATE slipway::torch)
    set_target_properties(plugin_${name} PROPERTIES CXX_STANDARD 20)
  endif()
  slipway_carry_data(${name} ${ARG_FOLDER}/${name} "${ARG_DATA}")
  set_property(TARGET plugin_${name} PROPERTY SLIPWAY_DATA "${ARG_DATA}")
  set_property(GLOBAL APPEND PROPERTY SLIPWAY_PLUGINS plugin_${name})
endfunction()

# Copies the files into the folder when plugin_NAME is built, and when they change.
function(slipway_carry_data name folder files)
  set(copies)
  foreach(file IN LISTS files)
    cmake_path(GET file FILENAME base)
    add_custom_command(OUTPUT ${folder}/${base} DEPENDS ${file} VERBATIM
      COMMAND ${CMAKE_COMMAND} -E make_directory ${folder} COMMAND ${CMAKE_COMMAND} -E copy ${file} ${folder}/${base})
    list(APPEND copies ${folder}/${base})
  endforeach()
  if(copies)
    add_custom_target(plugin_data_${name} DEPENDS ${copies})
    add_dependencies(plugin_${name} plugin_data_${name})
  endif()
endfunction()
