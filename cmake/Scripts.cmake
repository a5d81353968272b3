# The report's scripts, built into vpunas_output: ECharts from .deps and our own drawing with it. Without the library the
# report has its still pictures alone.
file(GLOB echarts ${CMAKE_SOURCE_DIR}/.deps/echarts-*/echarts.min.js)
if(echarts)
  list(GET echarts -1 echarts)
  get_filename_component(ECHARTS_FOLDER ${echarts} DIRECTORY)
  enable_language(ASM)
  set(SCRIPTS ${CMAKE_SOURCE_DIR}/src/output/script)
  set(scripts_source ${CMAKE_BINARY_DIR}/scripts.S)
  configure_file(src/output/script/scripts.S.in ${scripts_source} @ONLY)
  # The compiler does not see what .incbin reads.
  file(GLOB script_files CONFIGURE_DEPENDS ${SCRIPTS}/*.js ${ECHARTS_FOLDER}/*)
  set_source_files_properties(${scripts_source} PROPERTIES OBJECT_DEPENDS "${script_files}")
  target_sources(vpunas_output PRIVATE src/output/script/built_in.cpp ${scripts_source})
else()
  message(STATUS "ECharts not found in .deps: reports will not be interactive; run scripts/setup.sh")
  target_sources(vpunas_output PRIVATE src/output/script/none.cpp)
endif()
