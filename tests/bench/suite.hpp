// All measurements of a run, in order.
#pragma once

#include "options.hpp"
#include "report.hpp"

namespace bench {

// Throws std::runtime_error where a call of the library fails, or gives what the reference does
// not.
Report run_suite(const Options& options);

}  // namespace bench
