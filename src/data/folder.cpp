// One folder of JPEG and PNG files a class.
#include <algorithm>
#include <cctype>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
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

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return text;
}

// What servers and systems put beside the user's files: thumbnails, recycle bins.
bool is_clutter(const std::string& name) {
  static const std::set<std::string> known = {
      "@eadir",     "@recycle",     "@recently-snapshot",
      "#recycle",   "#snapshot",    "__macosx",
      "lost+found", "$recycle.bin", "system volume information",
      "thumbs.db",  "desktop.ini"};
  return known.contains(lower(name));
}

// The names in a folder, sorted, without hidden ones.
struct Listing {
  std::vector<std::string> folders, files, clutter;
};
Listing list(const fs::path& folder) {
  Listing listing;
  try {
    for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
      std::string name = entry.path().filename().string();
      if (name.starts_with('.')) continue;
      if (is_clutter(name))
        listing.clutter.push_back(std::move(name));
      else if (entry.is_directory())
        listing.folders.push_back(std::move(name));
      else if (entry.is_regular_file() || entry.is_symlink())
        listing.files.push_back(std::move(name));
    }
  } catch (const fs::filesystem_error& error) {
    fail(folder.string(), ": cannot be read (", error.code().message(), "); check data.path");
  }
  for (auto* names : {&listing.folders, &listing.files, &listing.clutter})
    std::sort(names->begin(), names->end(), natural_less);
  return listing;
}

bool has_folders(const fs::path& path) {
  std::error_code none;
  return fs::is_directory(path, none) && !list(path).folders.empty();
}

// By its ending, or by what it begins with.
bool is_image(const fs::path& path) {
  static const std::set<std::string> endings = {".jpg", ".jpeg", ".jpe", ".jfif", ".png"};
  if (endings.contains(lower(path.extension().string()))) return true;
  char head[8] = {};
  std::ifstream(path, std::ios::binary).read(head, sizeof head);
  const std::string_view bytes(head, sizeof head);
  return bytes.starts_with("\xff\xd8\xff") || bytes.starts_with("\x89PNG\r\n\x1a\n");
}

// What is left out, for a warning that counts and names it.
struct LeftOut {
  std::map<std::string, int64_t> kinds;  // by ending, "folder" for folders
  int64_t count = 0;
  std::string first;
  void add(const fs::path& path, const std::string& kind) {
    if (count++ == 0) first = path.string();
    ++kinds[kind];
  }
  void add_file(const fs::path& path) {
    const std::string ending = lower(path.extension().string());
    add(path, ending.empty() ? "file without an ending" : ending);
  }
  std::string text() const {
    std::vector<std::string> each;
    for (const auto& [kind, number] : kinds)
      each.push_back(cat(number, " ", kind, kind == "folder" && number > 1 ? "s" : ""));
    return cat("ignored ", count, count == 1 ? " entry (" : " entries (", join(each, ", "),
               "), first ", first);
  }
};

// The folders of images in `folder`, one a class.
std::vector<std::string> classes_in(const fs::path& folder) {
  std::vector<std::string> classes = list(folder).folders;
  if (classes.empty())
    fail(folder.string(), ": holds no folders of images, one a class; check data.path");
  return classes;
}

// The parts of a data set by what their folders are called, in any capitals.
const std::vector<std::vector<std::string>> part_names = {
    {"train", "training"}, {"test", "testing"}, {"val", "valid", "validation"}};
enum PartOfData { train_part, test_part, validation_part };

// The folders of classes that are parts, empty where there is none.
struct Layout {
  fs::path parts[3] = {};
  std::vector<std::string> others = {};  // entries that are no part of the data
  std::vector<std::string> flat = {};    // folders called as parts that hold no classes
  const fs::path& train() const { return parts[train_part]; }
  // test/, or else val/.
  const fs::path& test() const {
    return parts[test_part].empty() ? parts[validation_part] : parts[test_part];
  }
  // val/ beside test/.
  fs::path validation() const {
    return parts[test_part].empty() ? fs::path() : parts[validation_part];
  }
};

Layout find_parts(const fs::path& folder) {
  Layout layout;
  const Listing listing = list(folder);
  for (const std::string& name : listing.folders) {
    size_t part = 0;
    while (part < 3 && std::ranges::find(part_names[part], lower(name)) == part_names[part].end())
      ++part;
    if (part == 3) {
      layout.others.push_back(name + "/");
    } else if (!has_folders(folder / name)) {
      layout.flat.push_back(name + "/");
    } else if (!layout.parts[part].empty()) {
      fail(folder.string(), ": has ", layout.parts[part].filename().string(), "/ and ", name,
           "/, which are the same part; merge or remove one");
    } else {
      layout.parts[part] = folder / name;
    }
  }
  for (const auto* names : {&listing.files, &listing.clutter})
    layout.others.insert(layout.others.end(), names->begin(), names->end());
  return layout;
}

// Where the images lie; the folder itself is the training part where it is no folder of parts.
Layout find_layout(const fs::path& folder) {
  Layout layout = find_parts(folder);
  if (!layout.train().empty()) return layout;
  if (!layout.test().empty())
    fail(folder.string(), ": has ", layout.test().filename().string(),
         "/ but no train/; add it, or set data.path to ", layout.test().string(),
         " to train on nine tenths of it");
  layout.parts[train_part] = folder;
  return layout;
}

std::string first_names(const std::vector<std::string>& names) {
  constexpr size_t most = 8;
  std::vector<std::string> shown(names.begin(),
                                 names.begin() + std::ptrdiff_t(std::min(most, names.size())));
  return cat(join(shown, ", "),
             names.size() > most ? cat(" and ", names.size() - most, " more") : "");
}

// Says what beside the parts is not used.
void warn_of_others(const fs::path& folder, const Layout& layout, const Work& work) {
  const bool plain = layout.train() == folder;
  for (const std::string& name : layout.flat) {
    const std::string path = (folder / name).string();
    work.warn("data", plain ? cat(path, ": is taken for a class; to be a part of the data it must ",
                                  "hold a folder for each class")
                            : cat(path, ": its ", list(path).files.size(),
                                  " files are left out: without a folder for each class nothing ",
                                  "says what they show"));
  }
  if (!plain && !layout.others.empty())
    work.warn("data", cat(folder.string(),
                          ": not used beside the parts of the data: ", first_names(layout.others)));
}

struct Files {
  std::vector<std::string> paths;
  std::vector<int> labels;
  LeftOut left_out = {};
};

[[noreturn]] void fail_without_images(const fs::path& folder, const Listing& listing) {
  if (!listing.folders.empty())
    fail(folder.string(), ": holds folders (", first_names(listing.folders),
         ") and no images; a class is one folder of images: move them up, or make each a class");
  fail(folder.string(), ": holds no .jpg, .jpeg or .png file; remove the folder or fill it",
       listing.files.empty() ? "" : cat(" (it holds ", first_names(listing.files), ")"));
}

Files find_files(const fs::path& folder, const std::vector<std::string>& classes) {
  Files files;
  const Listing top = list(folder);
  for (const std::string& name : top.files) files.left_out.add_file(folder / name);
  for (const std::string& name : top.clutter) files.left_out.add(folder / name, "of the system's");
  for (const std::string& name : top.folders) {
    const auto found = std::find(classes.begin(), classes.end(), name);
    if (found == classes.end())
      fail((folder / name).string(),
           ": no such class among the training images; remove it or add it there");
    const Listing listing = list(folder / name);
    const size_t before = files.paths.size();
    for (const std::string& file : listing.files) {
      const fs::path path = folder / name / file;
      if (!is_image(path)) {
        files.left_out.add_file(path);
        continue;
      }
      files.paths.push_back(path.string());
      files.labels.push_back(static_cast<int>(found - classes.begin()));
    }
    for (const std::string& inner : listing.folders)
      files.left_out.add(folder / name / inner, "folder");
    for (const std::string& inner : listing.clutter)
      files.left_out.add(folder / name / inner, "of the system's");
    if (files.paths.size() == before) fail_without_images(folder / name, listing);
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
  if (files.left_out.count > 0)
    work.warn("data", cat(folder.string(), ": ", files.left_out.text(),
                          "; read are JPEG and PNG files right in the folder of a class: convert ",
                          "or move what should count"));
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
  warn_of_others(folder, layout, work);
  Parts parts;
  parts.slow = true;
  parts.classes = classes_in(layout.train());
  read_part(layout.train(), parts.classes, {shape}, work, parts.train, parts.train_originals);
  if (!layout.test().empty())
    read_part(layout.test(), parts.classes, {shape}, work, parts.test, parts.test_originals);
  if (!layout.validation().empty())
    read_part(layout.validation(), parts.classes, {shape}, work, parts.validation,
              parts.validation_originals);
  return parts;
}

Parts read_test_folder(const fs::path& folder, const ImageShape& shape, int resize,
                       const Work& work) {
  const Layout layout = find_parts(folder);
  const fs::path test = layout.test().empty() ? folder : layout.test();
  if (layout.test().empty() && !layout.train().empty())
    fail(folder.string(), ": has train/ but neither test/ nor val/ with a folder for each class; ",
         "add one, or set data.path to ", layout.train().string(),
         " to judge on its training images");
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
  const fs::path train = find_layout(folder).train();
  // The first image of some classes: a colour data set may have a few grey images.
  constexpr size_t looks = 16;
  std::vector<std::string> classes = list(train).folders;
  classes.resize(std::min(classes.size(), looks));
  for (const std::string& name : classes)
    for (const std::string& file : list(train / name).files) try {
        if (!is_image(train / name / file)) continue;
        if (read_image(train / name / file, 0, 1).shape.channels == 3) return 3;
        break;
      } catch (const BadImage&) {
        if (!skip_bad) throw;
      }
  return 1;
}

}  // namespace vpunas
