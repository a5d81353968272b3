#include "output/scripts.h"

// Of scripts.S.in.
extern "C" {
extern const char vpunas_echarts_begin[], vpunas_echarts_end[];
extern const char vpunas_echarts_licence_begin[], vpunas_echarts_licence_end[];
extern const char vpunas_drawings_begin[], vpunas_drawings_end[];
}

namespace vpunas {

Scripts scripts() {
  return {.library = {vpunas_echarts_begin, vpunas_echarts_end},
          .licence = {vpunas_echarts_licence_begin, vpunas_echarts_licence_end},
          .drawings = {vpunas_drawings_begin, vpunas_drawings_end}};
}

}  // namespace vpunas
