// Images with labels, from files of the usual formats. Pixels are U8, channel by channel (CHW), in
// the order that the dataset says; normalisation is the network's (Preprocess), so the same bytes
// go to training, OpenVINO and a camera.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/config.h"
#include "base/error.h"
#include "base/progress.h"

namespace vpunas {

// How one image looks in memory.
struct ImageShape {
  int channels = 3, height = 0, width = 0;
  int64_t bytes() const { return int64_t{1} * channels * height * width; }
  bool operator==(const ImageShape&) const = default;
};

// An image file that cannot be decoded; the message names it.
class BadImage : public Error {
  using Error::Error;
};

// A part of an image, in pixels; at least one, all inside.
struct ImageWindow {
  int top = 0, left = 0, height = 0, width = 0;
};
using ChooseWindow = std::function<ImageWindow(int height, int width)>;

// A list of images. `load` and `load_window` are called from several threads.
struct ImageSet {
  ImageShape shape;
  std::vector<int> labels;
  std::function<void(int64_t index, uint8_t* pixels)> load;  // writes shape.bytes()
  // The same of the window that `choose` picks, given the size of the upright source, scaled to
  // `shape`. Empty where there is no source beyond what `load` gives.
  std::function<void(int64_t index, const ChooseWindow& choose, uint8_t* pixels)> load_window = {};
  // Where set, images that are bad are left out and told here, from the thread that wants them.
  // Otherwise BadImage is thrown.
  std::function<void(const BadImage&)> skip = {};
  int64_t size() const { return static_cast<int64_t>(labels.size()); }
};

// The images at `indices`; they share the pixels.
ImageSet subset(const ImageSet& images, std::vector<int64_t> indices);
// `most` of the images, the same at every call, each class in proportion (data sets are often
// sorted by class); all where there are fewer.
ImageSet sample_images(const ImageSet& images, int64_t most);

// images.load_window, or, where that is empty, the window of what images.load gives.
void load_window(const ImageSet& images, int64_t index, const ChooseWindow& choose,
                 uint8_t* pixels);

struct Dataset {
  std::string name;  // "idx /usr/share/datasets/fashion-mnist"
  std::vector<std::string> classes;
  ImageSet train, validation, test;
};

struct DataConfig {
  std::string format = "auto";
  std::string path = "/usr/share/datasets/fashion-mnist";
  double validation = 0.1;
  int64_t test_limit = 0;
  std::string on_bad_image = "fail";
  std::vector<double> mean = {};
};
template <class Fields>
void fields(Fields& f, DataConfig& c);  // below

// Reads a dataset as images of `shape`; colour is converted to its number of channels (grey is
// repeated, luma by BT.601).
//   idx        train-images-idx3-ubyte[.gz] and the other three (MNIST, Fashion-MNIST)
//   cifar10    data_batch_1..5.bin and test_batch.bin (the canonical records), batches.meta.txt
//              where present
//   cifar100   train.bin and test.bin, by the fine labels; fine_label_names.txt where present
//   folder     train/CLASS/*, test/ or else val/ (valid/, validation/) likewise, JPEG and PNG
//   files,
//              in any capitals; without them CLASS/*. val/ beside test/ is the validation part. A
//              tenth of the training images, the same for every seed, is the test part where there
//              is none
//   synthetic  2,000 training and 500 test images of ten classes, made from the seed at each load:
//              disc, square, cross, ring or stripes, orange or blue, somewhere on grey noise.
//              A small network learns them in seconds
//   auto       idx, cifar10, cifar100 or folder, by what lies at the path
// Images of IDX and CIFAR files that are smaller by at most a quarter are centred on black, others
// scaled (bilinear) to `shape`; images of folders are scaled until they cover it and cropped in the
// middle. Classes and files of folders are in natural order (2 before 10); hidden files are skipped
// and whatever else is not used is counted and named in a warning.
// Without a part of their own, `validation` of the training images, of each class its share, chosen
// by `seed`, become the validation part; `test_limit` keeps the shares too, and the same images for
// every seed. Throws Error naming the file for missing, truncated, foreign or empty input, and
// Interrupted. Decoded or scaled images are held in memory where all fit into 2 GiB; beyond that
// each load decodes. With `train_from_source` training images are not held: for those who ask for
// them by load_window, or not at all. A file that cannot be decoded is an error. With on_bad_image
// = "skip" it is left out and named once in a warning: the parts are chosen as if it were whole;
// then validation and test images are all read and lose it, so that each of them is evaluated once,
// and the Loader takes the next image of its sequence in place of a training image that is not
// held.
Dataset read_dataset(const DataConfig& config, const ImageShape& shape, uint64_t seed,
                     const Work& work = {}, bool train_from_source = false);

// Labelled images that judge a network trained elsewhere.
struct TestSet {
  std::string name;
  std::vector<std::string> classes;  // of these images, in natural order
  ImageSet images;
};

// The test part of what lies at config.path; of folders, test/ or else val/, and without folders
// train/, test/ and val/ all CLASS/*. Images of folders are scaled to a short side of `resize`
// pixels (0: the longer side of `shape`) and cropped in the middle. config.test_limit holds.
TestSet read_test_set(const DataConfig& config, const ImageShape& shape, int resize,
                      const Work& work = {});

// Image files without labels (they are 0), fitted as those of folders. load throws Error.
ImageSet image_files(std::vector<std::string> paths, const ImageShape& shape, int resize);

// The same images with their channels in the opposite order: BGR for networks that want it.
ImageSet with_channels_reversed(ImageSet images);

// Number of channels that the files hold (1 or 3), without reading all of them: of a folder the
// first images of 16 classes.
int dataset_channels(const DataConfig& config);

template <class Fields>
void fields(Fields& f, DataConfig& c) {
  f("format", c.format, "auto, idx, cifar10, cifar100, folder or synthetic",
    one_of({"auto", "idx", "cifar10", "cifar100", "folder", "synthetic"}));
  f("path", c.path, "folder of the images");
  f("validation", c.validation, "share of the training images held out for search and validation",
    between(0.01, 0.5));
  f("test_limit", c.test_limit, "at most so many test images (0: all)", between(0, 1e9));
  f("on_bad_image", c.on_bad_image,
    "fail, or skip: image files that cannot be decoded are named in a warning and left out",
    one_of({"fail", "skip"}));
  f("mean", c.mean,
    "mean of 0..255 values a channel, subtracted first (an explicit layer with its price)");
}

}  // namespace vpunas
