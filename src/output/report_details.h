// Parts of the report's JSON that are made smaller than the files they come from.
#pragma once

#include "base/files.h"

namespace vpunas {

// At most `most` of an array's values, the first and the last among them.
Json thinned(const Json& array, size_t most);

// Of the stages of an explanation what pictures show; null where there are none.
Json stage_list(const Json& explanation);

// Some steps of a search's history with the probabilities of every slot, to four digits: a picture
// shows no more, and all of them are megabytes. Null where they were not recorded.
Json probability_history(const Json& history);

}  // namespace vpunas
