// Random-resized-crop batches of 224 px from the JPEGs of an image folder, against libjpeg-turbo
// alone, which decodes the same files at full size, on the same number of threads, in turn.
//
//   build/release/loader_bench FOLDER [THREADS] [ROUNDS]
//
// FOLDER is as read_dataset has it (CLASS/*.jpg). Prints images a second of both and their ratio,
// median and range over the rounds.
#include <cstdio>  // jpeglib.h needs FILE
// clang-format off
#include <jpeglib.h>
// clang-format on

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "base/files.h"
#include "data/image_file.h"
#include "data/loader.h"

namespace {

using namespace vpunas;

double seconds(const std::function<void()>& action) {
  const auto start = std::chrono::steady_clock::now();
  action();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void decode_whole(const std::string& bytes) {
  jpeg_error_mgr errors;
  jpeg_decompress_struct info = {};
  info.err = jpeg_std_error(&errors);
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  jpeg_read_header(&info, TRUE);
  if (info.num_components == 3) info.out_color_space = JCS_RGB;
  jpeg_start_decompress(&info);
  std::vector<uint8_t> pixels(size_t{info.output_width} * info.output_height *
                              static_cast<size_t>(info.output_components));
  while (info.output_scanline < info.output_height) {
    uint8_t* row = pixels.data() + size_t{info.output_scanline} * info.output_width *
                                       static_cast<size_t>(info.output_components);
    jpeg_read_scanlines(&info, &row, 1);
  }
  jpeg_finish_decompress(&info);
  jpeg_destroy_decompress(&info);
}

// Images a second of libjpeg-turbo, the files read anew as the loader reads them.
double libjpeg_rate(const std::vector<fs::path>& paths, int threads) {
  std::atomic<size_t> next = 0;
  const double time = seconds([&] {
    std::vector<std::jthread> workers;
    for (int i = 0; i < threads; ++i)
      workers.emplace_back([&] {
        for (size_t at = next++; at < paths.size(); at = next++) decode_whole(read_file(paths[at]));
      });
  });
  return static_cast<double>(paths.size()) / time;
}

// Images a second of the loader, over as many images.
double loader_rate(const ImageSet& images, int threads, uint64_t seed) {
  constexpr int batch = 8;
  const auto batches = std::max<int64_t>(1, images.size() / batch);
  const Augmentation augmentation{.flip = true, .random_resized_crop = true};
  const double time = seconds([&] {
    Loader loader(images, augmentation, batch, seed, 0, threads);
    for (int64_t i = 0; i < batches; ++i) loader.next();
  });
  return static_cast<double>(batches * batch) / time;
}

std::string spread(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  char text[80];
  std::snprintf(text, sizeof text, "%.2f (%.2f to %.2f)", values[values.size() / 2], values.front(),
                values.back());
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::puts("usage: loader_bench FOLDER [THREADS] [ROUNDS]"), 1;
  const int threads = argc > 2 ? std::atoi(argv[2]) : 2;
  const int rounds = argc > 3 ? std::atoi(argv[3]) : 11;
  std::vector<fs::path> paths;
  for (const auto& entry : fs::recursive_directory_iterator(argv[1]))
    if (entry.path().extension() == ".jpg" || entry.path().extension() == ".JPEG")
      paths.push_back(entry.path());
  ImageSet images{{3, 224, 224}, std::vector<int>(paths.size()), {}, {}, {}};
  images.load_window = [&](int64_t index, const ChooseWindow& choose, uint8_t* pixels) {
    const Image image = read_window(paths[static_cast<size_t>(index)], 3, choose, 224, 224);
    std::copy(image.pixels.begin(), image.pixels.end(), pixels);
  };

  std::vector<double> alone, ours, ratios;
  for (int round = 0; round < rounds; ++round) {
    alone.push_back(libjpeg_rate(paths, threads));
    ours.push_back(loader_rate(images, threads, static_cast<uint64_t>(round)));
    ratios.push_back(ours.back() / alone.back());
  }
  std::printf("%zu images, %d threads, %d rounds; median (range)\n", paths.size(), threads, rounds);
  std::printf("libjpeg-turbo alone, whole images: %s images/s\n", spread(alone).c_str());
  std::printf("random resized crops of 224 px:    %s images/s\n", spread(ours).c_str());
  std::printf("ratio:                             %s\n", spread(ratios).c_str());
}
