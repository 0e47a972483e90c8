// Work on the host that is split over its processors.
#pragma once

#include <cstdint>
#include <functional>

namespace vkc {

// Calls body(begin, end) of ranges that together are [0, count), each on a thread of its own, and
// returns when all are done. A range has about `least` elements or more: so many that starting a
// thread is worth it. The threads take no signals. Of exceptions, the one of the first range that
// threw one is passed on.
void for_ranges(uint64_t count, uint64_t least,
                const std::function<void(uint64_t, uint64_t)>& body);

}  // namespace vkc
