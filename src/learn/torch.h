// libtorch, for files of src/learn only: never included by a public header. Precompiled (it takes
// half a minute).
#pragma once

#include <torch/torch.h>
