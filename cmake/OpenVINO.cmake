# vpunas_openvino: OpenVINO's C++ runtime from the wheel in .venv, or from -DOpenVINO_DIR for another release (2022.3 is the
# last one that drives MyriadX sticks).
file(GLOB openvino_cmake ${CMAKE_SOURCE_DIR}/.venv/lib/python3*/site-packages/openvino/cmake)
find_package(OpenVINO QUIET COMPONENTS Runtime HINTS ${openvino_cmake})
if(NOT OpenVINO_FOUND)
  message(STATUS "OpenVINO not found in .venv: no vpunas-device, so only MYRIADX can be priced; run scripts/setup.sh")
  return()
endif()
get_target_property(openvino_library openvino::runtime LOCATION)
get_filename_component(openvino_libraries ${openvino_library} DIRECTORY)
list(APPEND CMAKE_INSTALL_RPATH ${openvino_libraries})
add_library(vpunas_openvino INTERFACE)
target_link_libraries(vpunas_openvino INTERFACE openvino::runtime)
