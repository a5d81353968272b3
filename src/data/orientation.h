// Inside data/: cameras store images as the sensor lay and note how it was held.
#pragma once

#include <cstdint>
#include <span>

#include "data/image_file.h"

namespace vpunas {

// The orientation (1 to 8) of Exif data: TIFF, whose first directory has it as a SHORT under the
// tag 0x0112 (Exif 2.32, 4.6.2 and 4.6.4). 1, upright, where there is none or the data are broken.
int exif_orientation(std::span<const uint8_t> tiff);

// How an Exif orientation makes the upright image of the stored one: 2, 4: mirrored, 3: upside
// down, 5 to 8: on its side.
struct Turn {
  explicit Turn(int orientation)
      : transposed(orientation >= 5),
        from_below(orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7),
        from_right(orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8) {}
  bool transposed, from_below, from_right;
};

Image upright(Image image, const Turn& turn);

}  // namespace vpunas
