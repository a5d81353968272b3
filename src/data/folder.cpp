// One folder of JPEG and PNG files a class.
#include <algorithm>
#include <cctype>
#include <cstring>
#include <memory>

#include "base/error.h"
#include "base/files.h"
#include "data/readers.h"

namespace vpunas {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// "img2" before "img10": runs of digits compare as numbers.
bool natural_less(const std::string& a, const std::string& b) {
  size_t i = 0;
  size_t j = 0;
  while (i < a.size() && j < b.size()) {
    if (!is_digit(a[i]) || !is_digit(b[j])) {
      if (a[i] != b[j]) return static_cast<unsigned char>(a[i]) < static_cast<unsigned char>(b[j]);
      ++i, ++j;
      continue;
    }
    const auto number = [](const std::string& text, size_t& at) {
      while (at < text.size() && text[at] == '0') ++at;
      const size_t first = at;
      while (at < text.size() && is_digit(text[at])) ++at;
      return std::string_view(text).substr(first, at - first);
    };
    const std::string_view left = number(a, i);
    const std::string_view right = number(b, j);
    if (left.size() != right.size()) return left.size() < right.size();
    if (left != right) return left < right;
  }
  const size_t left = a.size() - i;
  const size_t right = b.size() - j;
  return left != right ? left < right : a < b;  // "07" and "7" are two names
}

// The names in a folder, sorted, without hidden ones.
struct Listing {
  std::vector<std::string> folders, files;
};
Listing list(const fs::path& folder) {
  Listing listing;
  try {
    for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
      std::string name = entry.path().filename().string();
      if (name.starts_with('.')) continue;
      if (entry.is_directory())
        listing.folders.push_back(std::move(name));
      else if (entry.is_regular_file() || entry.is_symlink())
        listing.files.push_back(std::move(name));
    }
  } catch (const fs::filesystem_error& error) {
    fail(folder.string(), ": cannot be read (", error.code().message(), "); check data.path");
  }
  std::sort(listing.folders.begin(), listing.folders.end(), natural_less);
  std::sort(listing.files.begin(), listing.files.end(), natural_less);
  return listing;
}

bool has_folders(const fs::path& path) {
  std::error_code none;
  return fs::is_directory(path, none) && !list(path).folders.empty();
}

bool is_image_name(const fs::path& name) {
  std::string extension = name.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return extension == ".jpg" || extension == ".jpeg" || extension == ".png";
}

// test/ or else val/; empty where there is neither.
fs::path test_folder(const fs::path& folder) {
  for (const char* name : {"test", "val"})
    if (has_folders(folder / name)) return folder / name;
  return {};
}

// The folders of images in `folder`, one a class.
std::vector<std::string> classes_in(const fs::path& folder) {
  std::vector<std::string> classes = list(folder).folders;
  if (classes.empty())
    fail(folder.string(), ": holds no folders of images, one a class; check data.path");
  return classes;
}

// Where the images lie.
struct Layout {
  fs::path train, test;  // no test: the reader's caller splits
};
Layout find_layout(const fs::path& folder) {
  const bool train = has_folders(folder / "train");
  const fs::path test = test_folder(folder);
  if (train) return {folder / "train", test};
  if (!test.empty())
    fail(folder.string(), ": has ", test.filename().string(),
         "/ but no train/; add it, or set data.path to ", test.string(),
         " to train on nine tenths of it");
  return {folder, {}};
}

struct Files {
  std::vector<std::string> paths;
  std::vector<int> labels;
  int64_t ignored = 0;  // what is not an image by its name
  std::string first_ignored = {};
};

Files find_files(const fs::path& folder, const std::vector<std::string>& classes) {
  Files files;
  for (const std::string& name : list(folder).folders) {
    const auto found = std::find(classes.begin(), classes.end(), name);
    if (found == classes.end())
      fail((folder / name).string(),
           ": no such class among the training images; remove it or add it there");
    const Listing listing = list(folder / name);
    const size_t before = files.paths.size();
    for (const auto* names : {&listing.files, &listing.folders})
      for (const std::string& file : *names) {
        const std::string path = (folder / name / file).string();
        if (names == &listing.files && is_image_name(file)) {
          files.paths.push_back(path);
          files.labels.push_back(static_cast<int>(found - classes.begin()));
        } else if (files.ignored++ == 0) {
          files.first_ignored = path;
        }
      }
    if (files.paths.size() == before)
      fail((folder / name).string(),
           ": holds no .jpg, .jpeg or .png file; remove the folder or fill it");
  }
  return files;
}

using Paths = std::shared_ptr<const std::vector<std::string>>;

// How large JPEG files are decoded.
enum class Decoding {
  reduced,  // a multiple faster for photographs
  whole     // as other programs do: MobileNetV2 guesses 4 of 250 photographs differently otherwise
};

// How images become those of a network.
struct Fitting {
  ImageShape shape;
  int resize = 0;  // short side before the central crop; 0: the shape is covered
  Decoding decoding = Decoding::reduced;
};

ImageSet decoded(const Paths& paths, std::vector<int> labels, const Fitting& fitting) {
  const ImageShape& shape = fitting.shape;
  ImageSet images{shape, std::move(labels), {}};
  const int side = fitting.resize > 0 ? fitting.resize : std::max(shape.height, shape.width);
  const int least = fitting.decoding == Decoding::reduced ? side : 0;
  images.load = [paths, shape, side, least](int64_t index, uint8_t* pixels) {
    const Image image = read_image((*paths)[static_cast<size_t>(index)], shape.channels, least);
    const Image fitted = resize_and_crop(image, side, shape.height, shape.width);
    std::memcpy(pixels, fitted.pixels.data(), fitted.pixels.size());
  };
  images.load_window = [paths, shape](int64_t index, const ChooseWindow& choose, uint8_t* pixels) {
    const Image image = read_window((*paths)[static_cast<size_t>(index)], shape.channels, choose,
                                    shape.height, shape.width);
    std::memcpy(pixels, image.pixels.data(), image.pixels.size());
  };
  return images;
}

void read_part(const fs::path& folder, const std::vector<std::string>& classes,
               const Fitting& fitting, const Work& work, ImageSet& images, Originals& originals) {
  Files files = find_files(folder, classes);
  if (files.ignored > 0)
    work.warn("data", cat(folder.string(), ": ignored ", files.ignored,
                          files.ignored == 1 ? " entry that is" : " entries that are",
                          " not .jpg, .jpeg or .png, first ", files.first_ignored));
  const Paths paths = std::make_shared<const std::vector<std::string>>(std::move(files.paths));
  images = decoded(paths, std::move(files.labels), fitting);
  originals.name = [paths](int64_t index) { return (*paths)[static_cast<size_t>(index)]; };
  originals.read = [paths](int64_t index) {
    return read_original((*paths)[static_cast<size_t>(index)]);
  };
}

}  // namespace

bool is_image_folder(const fs::path& folder) { return has_folders(folder); }

Parts read_image_folder(const fs::path& folder, const ImageShape& shape, const Work& work) {
  const Layout layout = find_layout(folder);
  Parts parts;
  parts.slow = true;
  parts.classes = classes_in(layout.train);
  read_part(layout.train, parts.classes, {shape}, work, parts.train, parts.train_originals);
  if (!layout.test.empty())
    read_part(layout.test, parts.classes, {shape}, work, parts.test, parts.test_originals);
  return parts;
}

Parts read_test_folder(const fs::path& folder, const ImageShape& shape, int resize,
                       const Work& work) {
  const fs::path apart = test_folder(folder), test = apart.empty() ? folder : apart;
  if (apart.empty() && has_folders(folder / "train"))
    fail(folder.string(), ": has train/ but neither test/ nor val/; add one, or set data.path to ",
         (folder / "train").string(), " to judge on its training images");
  Parts parts;
  parts.slow = true;
  parts.classes = classes_in(test);
  read_part(test, parts.classes, {shape, resize, Decoding::whole}, work, parts.test,
            parts.test_originals);
  return parts;
}

ImageSet image_files(std::vector<std::string> paths, const ImageShape& shape, int resize) {
  std::vector<int> labels(paths.size(), 0);
  return decoded(std::make_shared<const std::vector<std::string>>(std::move(paths)),
                 std::move(labels), {shape, resize, Decoding::whole});
}

int image_folder_channels(const fs::path& folder, bool skip_bad) {
  const fs::path train = find_layout(folder).train;
  // The first image of some classes: a colour data set may have a few grey images.
  constexpr size_t looks = 16;
  std::vector<std::string> classes = list(train).folders;
  classes.resize(std::min(classes.size(), looks));
  for (const std::string& name : classes)
    for (const std::string& file : list(train / name).files) try {
        if (!is_image_name(file)) continue;
        if (read_image(train / name / file, 0, 1).shape.channels == 3) return 3;
        break;
      } catch (const BadImage&) {
        if (!skip_bad) throw;
      }
  return 1;
}

}  // namespace vpunas
