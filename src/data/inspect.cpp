#include "data/inspect.h"

#include <mutex>
#include <unordered_map>

#include "data/parallel.h"
#include "data/readers.h"

namespace vpunas {

namespace {

struct Content {
  size_t hash = 0;
  bool bad = false;
};

// Counts the images of one part; returns their contents, for comparing parts.
std::vector<Content> inspect_part(const ImageSet& images, const Originals& originals,
                                  const std::string& what, const Work& work,
                                  std::vector<int64_t>& of_class, Inspection& found) {
  std::mutex mutex;
  std::vector<Content> contents(static_cast<size_t>(images.size()));
  std::map<int64_t, std::string> bad;  // in the order of the files, not of the threads
  parallel_for(images.size(), what, work, [&](int64_t index) {
    const auto at = static_cast<size_t>(index);
    try {
      const Original read = originals.read(index);
      contents[at].hash = read.hash;
      const std::scoped_lock lock(mutex);
      ++of_class[static_cast<size_t>(images.labels[at])];
      ++found.formats[read.format];
      ++found.channels[read.image.shape.channels];
      ++found.sizes[{read.image.shape.height, read.image.shape.width}];
    } catch (const Error& error) {
      contents[at].bad = true;
      const std::scoped_lock lock(mutex);
      bad.emplace(index, error.what());
    }
  });
  for (auto& [index, error] : bad) found.bad.push_back(std::move(error));
  return contents;
}

}  // namespace

Inspection inspect(const DataConfig& config, const Work& work) {
  const std::string format = find_format(config);
  // The shape is of no account: images are read as they lie in the files.
  const Parts parts = read_parts(format, config, {1, 1, 1}, 0, work);
  if (!parts.train_originals.read) fail("data.format: ", format, " has no files to read");
  Inspection found;
  found.name = cat(format, " ", config.path);
  found.classes = parts.classes;
  found.train.resize(found.classes.size());
  found.validation.resize(found.classes.size());
  found.test.resize(found.classes.size());
  const auto train =
      inspect_part(parts.train, parts.train_originals, "training images", work, found.train, found);
  if (parts.validation.size() > 0)
    inspect_part(parts.validation, parts.validation_originals, "validation images", work,
                 found.validation, found);
  if (parts.test.size() == 0) return found;
  const auto test =
      inspect_part(parts.test, parts.test_originals, "test images", work, found.test, found);

  std::unordered_map<size_t, int64_t> place;  // the first training image of a hash
  for (size_t i = 0; i < train.size(); ++i)
    if (!train[i].bad) place.emplace(train[i].hash, static_cast<int64_t>(i));
  for (size_t i = 0; i < test.size(); ++i)
    if (const auto same = place.find(test[i].hash); !test[i].bad && same != place.end())
      found.shared.emplace_back(parts.train_originals.name(same->second),
                                parts.test_originals.name(static_cast<int64_t>(i)));
  return found;
}

}  // namespace vpunas
