# `cmake --install`: the program with its data, and the core as a CMake package that find_package(vpunas) finds.
# vpunas::core is networks, ONNX, latency models and MyriadX: src/base, arch, onnx, latency, myriadx, search.
include(CMakePackageConfigHelpers)

set(core base arch onnx latency myriadx search)
list(TRANSFORM core PREPEND vpunas_ OUTPUT_VARIABLE core_targets)
add_library(vpunas_core INTERFACE)
target_link_libraries(vpunas_core INTERFACE ${core_targets})
foreach(target ${core_targets} vpunas_core vpunas_flags)
  string(REPLACE vpunas_ "" name ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
endforeach()

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/vpunas)
install(TARGETS vpunas_core vpunas_flags ${core_targets} EXPORT vpunas-targets COMPONENT library)
install(EXPORT vpunas-targets NAMESPACE vpunas:: DESTINATION ${package} COMPONENT library)
foreach(folder ${core})
  install(DIRECTORY src/${folder} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/vpunas COMPONENT library
          FILES_MATCHING PATTERN "*.h")
endforeach()
configure_package_config_file(cmake/vpunas-config.cmake.in vpunas-config.cmake INSTALL_DESTINATION ${package}
                              PATH_VARS CMAKE_INSTALL_DATADIR)
# Before 1.0 every minor version may change what it offers.
write_basic_package_version_file(vpunas-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/vpunas-config.cmake ${CMAKE_BINARY_DIR}/vpunas-config-version.cmake
        DESTINATION ${package} COMPONENT library)

install(DIRECTORY data/ configs DESTINATION ${CMAKE_INSTALL_DATADIR}/vpunas COMPONENT data)
if(NOT VPUNAS_CORE_ONLY)
  install(TARGETS vpunas COMPONENT program)
endif()
foreach(module vpunas_learn_module vpunas_cuda_graph)
  if(TARGET ${module})
    install(TARGETS ${module} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT program)
  endif()
endforeach()
if(TARGET vpunas-device)
  install(TARGETS vpunas-device COMPONENT program)
endif()
