// Work on all cores of the host, for the peers and for checking.
#pragma once

#include <cstdint>
#include <functional>

namespace bench {

// Calls body(part) once for every part from 0 to parts - 1, on `threads` threads, each taking the
// next part that is left.
void parallel(unsigned threads, uint32_t parts, const std::function<void(uint32_t)>& body);

}  // namespace bench
